#!/usr/bin/env node
/** The program `ibex-db`. */
import { runCommand } from './run-command.ts'

process.exitCode = await runCommand(process.argv.slice(2), {
  out: process.stdout,
  err: process.stderr,
  environment: process.env,
})
