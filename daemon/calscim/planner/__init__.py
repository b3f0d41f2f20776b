"""The pure planner: desired state, plan, and safeguards. It does no I/O and reads no clock."""
