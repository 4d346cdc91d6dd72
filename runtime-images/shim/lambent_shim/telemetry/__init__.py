"""Log lines, metrics and the status of a pod."""
