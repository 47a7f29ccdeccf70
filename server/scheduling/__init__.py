"""Before the exam day 考务: sites, rooms, seats, rosters, tickets, sittings."""
