"""The controller: turns Functions, Triggers and pools into Kubernetes objects and status.

The way of a change:

    watch/user_objects, watch/children   hear of it, and name the object that it concerns
    queue/work_queue, queue/workers      choose whose turn it is, and call
    reconcilers                          which leads to function/, trigger/ or pool/, where `reconcile`
    function/observation                 reads what there is,
    function/decision                    decides what is to be written (pure; objects by resources/),
    writes/execution                     and writes it
"""
