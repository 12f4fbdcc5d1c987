"""What spark-submit is given: `spark-submit --master URL deploy/spark/flight_delay_submit.py features build --engine spark ...`."""

from flight_delay.cli import main

main()
