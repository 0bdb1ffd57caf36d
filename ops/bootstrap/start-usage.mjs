// Plain JavaScript, because it is asked for before anything is installed.

/** How `npm start` is used. */
export const START_USAGE = `Usage: npm start [-- [--no-demo] [--workers <n>] | -- --health]

  --no-demo      begins without the demo (the same as INGEST_ON_START=false)
  --workers <n>  serves with n processes on one port
  --health       starts nothing: asks the server at HOST and PORT whether it is ready; 0 it is, 1 it is not

Everything else is set by environment variables; docs/configuration.md lists them. For instance:
  PORT=4055      the port to listen on, in the place of 4000
  DATA_DIR=…     the folder of the embedded stores, in the place of .local-data`;
