import type { Command } from 'commander'
import { exitCodes } from '../exit-codes'
import { addCommonOptions, type CommonOptions, type Session } from '../session'
import type { SessionMaker } from './train'

const list = (session: Session): number => {
  const { plugins, broken } = session.plugins
  const models = plugins.map(({ plugin, package: from }) => ({
    name: plugin.name,
    title: plugin.title,
    paper: plugin.paper,
    sizes: plugin.sizes,
    pretrain: plugin.pretrain !== undefined,
    finetune: plugin.finetune !== undefined,
    transcribe: plugin.loadRecognizer !== undefined,
    features: plugin.loadFeatures !== undefined,
    commands: (plugin.commands ?? []).map(({ name }) => name),
    ...(from ? { package: from.name, version: from.version, directory: from.directory } : {}),
  }))
  const text = models
    .map(({ name, title, paper, sizes, package: from, version, commands }) => {
      const own =
        commands.length > 0 ? `\n  commands: ${commands.map((command) => `babble ${name} ${command}`).join(', ')}` : ''
      return `${name}  ${title}, ${paper.authors}${from ? ` (${from} ${version})` : ''}\n  sizes: ${Object.keys(sizes).join(', ')}${own}\n`
    })
    .join('')
  const faults = broken.map(({ name, reason }) => `${name} cannot be used: ${reason}\n`).join('')
  session.result((text || 'No model package is installed. For wav2vec 2.0: npm install @babble/wav2vec2\n') + faults, {
    models,
    broken,
  })
  return exitCodes.ok
}

export const addModelsCommand = (program: Command, session: SessionMaker): void => {
  const command = program
    .command('models')
    .description('List the model packages that are installed')
    .addHelpText('after', '\nExamples:\n  babble models\n  babble models --json | jq ".models[].name"\n')
  addCommonOptions(command).action((options: CommonOptions) => session.run(options, async (active) => list(active)))
}
