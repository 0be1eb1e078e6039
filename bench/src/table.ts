/** Writes `bench/RESULTS.md` from the files of `bench/results`. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readRecords } from './report/read-records'
import { resultsPage } from './report/results-page'

const benchFolder = fileURLToPath(new URL('..', import.meta.url))
const path = join(benchFolder, 'RESULTS.md')
const records = await readRecords(join(benchFolder, 'results'))
await writeFile(path, resultsPage(records))
console.log(`${records.length} results in ${path}`)
