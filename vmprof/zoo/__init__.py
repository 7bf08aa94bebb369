"""What needs TVM's compiler: models, schedules, kernel info, peaks."""
