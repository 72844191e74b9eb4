"""What runs the tasks of a deployment: real CrewAI crews, or crews of plain Python functions.

Importing this package, or any module directly in it, does not import CrewAI.
"""
