"""Reading what people type: fields, times, schedules."""
