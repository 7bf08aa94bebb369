"""What this machine is: processors, PMUs, permissions."""
