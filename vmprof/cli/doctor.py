"""TODO"""
def add_arguments(parser): pass
def execute(options): pass
