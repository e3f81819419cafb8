/** Preloaded with `node --import`: writes the address of every module that a process has loaded to the file RECORD_MODULES. */
import { writeFileSync } from 'node:fs'
import { registerHooks } from 'node:module'

const loaded = new Set<string>()
registerHooks({
  load: (url, context, nextLoad) => {
    loaded.add(url)
    return nextLoad(url, context)
  },
})
process.once('exit', () => {
  const file = process.env['RECORD_MODULES']
  if (file !== undefined) writeFileSync(file, JSON.stringify([...loaded]))
})
