"""Tasks that run beside whoever started them: none of them ends unseen."""
