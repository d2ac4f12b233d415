"""What an agent can do: a catalogue of tools over a database and a store, for whichever protocol offers them."""
