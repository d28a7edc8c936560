"""Whole programs, one per library: import, train a network 2-4-1 on XOR for 1000 steps, exit.

Each is written as a user of the library would write it, prints the last loss, and is run as a file.
"""
