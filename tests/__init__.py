"""The tests, and the real parts that they run the program against."""
