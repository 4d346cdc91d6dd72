"""The front door: takes requests, queues them, and sends them over links into free slots of function pods."""
