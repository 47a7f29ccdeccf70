"""What breaks things in a rehearsal (`mingyuan rehearse --fault`) and in fault runs.

A nemesis has a name and `strike(run)`: it waits for its moment (drawn from the run's seed), breaks, mends, and writes begin and
end into the nemesis log. It knows the installation it breaks, never the clients or the checker. `catalogue.FAULTS` names them all.
"""
