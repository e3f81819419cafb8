/** Times that differ: the clock of the embedded engine is that of this process and counts whole milliseconds. */
import { setTimeout as delay } from 'node:timers/promises'

/** Waits until the clock shows another time, so that what comes next is later than what was before. */
export async function nextMoment(): Promise<void> {
  const moment = Date.now()
  while (Date.now() === moment) await delay(1)
}
