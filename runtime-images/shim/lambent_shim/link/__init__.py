"""Links to activators: frames, slots, and the invocations that come by them."""
