"""The interfaces of other libraries, on the store. Each needs its library: ``pip install exuvia[langgraph]``."""
