"""Recording what a user's own program calls of its VMs."""
