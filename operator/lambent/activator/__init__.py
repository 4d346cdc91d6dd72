"""The activator: takes requests of callers, queues them, and sends them over links into free slots of function pods.

The way of a request:

    front/connection                  reads the request from the client's socket
    gateway/gateway                   finds what it is for: the Invoke API, a function's URL or a Trigger (routing/)
    gateway/lambda_api, gateway/web   make an event of it (lambda_api/, events/), and an invocation
    links/exchange                    asks admission/ where the invocation goes: to a slot, or into the function's queue
    links/session                     sends it over a pod's link, and reads the result
    gateway/pending                   writes the result to the client as a response

The Kubernetes API is asked beside that way alone, by cluster/: what there is to serve (watcher, which fills catalog/), whose a link is
(verifier), and pods for a queue (adopter, provisioner).
"""
