"""Ready-made configuration for the programs that start MCP servers or connect to them."""

from exuvia.mcp.hosts.known import HOSTS, Host, host_named
from exuvia.mcp.hosts.merging import Written, write
from exuvia.mcp.hosts.reaching import Local, Remote, Way, local, remote

__all__ = ["HOSTS", "Host", "Local", "Remote", "Way", "Written", "host_named", "local", "remote", "write"]
