"""The custom resources, the link and the names they share: data only, standard library only."""
