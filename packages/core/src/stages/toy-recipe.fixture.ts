/** A recipe of three stages: features, training that goes on by itself after a stop, and labels that read both. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openStages } from './stages'

/** @param step Called before each piece of work. */
export const toyRecipe = async (directory: string, step: (name: string) => void): Promise<{ labels: string }> => {
  const stages = await openStages(directory)
  try {
    const features = await stages.stage({
      name: 'features',
      inputs: { dim: 3 },
      run: async ({ directory: folder }) => {
        for (let part = 0; part < 3; part++) {
          step(`features ${part}`)
          // Work that finds what an earlier attempt left would not be done from the beginning.
          if (existsSync(join(folder, `part-${part}`))) throw new Error('the folder is not empty')
          writeFileSync(join(folder, `part-${part}`), `features ${part}`)
        }
        return { parts: 3 }
      },
    })
    const training = await stages.stage({
      name: 'training',
      inputs: { steps: 4 },
      reads: [features],
      resumable: true,
      run: async ({ directory: folder }) => {
        for (let number = 0; number < 4; number++) {
          const file = join(folder, `step-${number}`)
          if (existsSync(file)) continue
          step(`training ${number}`)
          writeFileSync(file, `step ${number}`)
        }
        return { steps: 4 }
      },
    })
    const labels = await stages.stage({
      name: 'labels',
      inputs: {},
      reads: [features, training],
      run: async ({ directory: folder }) => {
        step('labels')
        const read = (from: string) =>
          readdirSync(from)
            .filter((name) => !name.includes('json'))
            .sort()
            .map((name) => readFileSync(join(from, name), 'utf8'))
        const lines = [...read(features.directory), ...read(training.directory)]
        writeFileSync(join(folder, 'train.km'), lines.join('\n'))
        return { lines: lines.length }
      },
    })
    return { labels: readFileSync(labels.file('train.km'), 'utf8') }
  } finally {
    await stages.close()
  }
}
