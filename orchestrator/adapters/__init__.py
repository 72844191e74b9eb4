"""The proper names: each adapter keeps one port with the help of one library or system."""
