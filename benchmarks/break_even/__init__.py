"""Where the joint network begins to win: number of tasks, memory, rate of switches."""
