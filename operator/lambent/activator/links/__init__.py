"""Links to function pods: who may open one, what each says and when, and the exchange that joins them to admission."""
