"""Settings of the roles: documented, frozen, validated. `lambent.__main__` alone hands the environment in."""
