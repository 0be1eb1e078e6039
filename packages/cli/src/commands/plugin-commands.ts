import { openManifest, type PluginCommandOptions, resolveModelDirectory } from '@babble/core'
import type { Command } from 'commander'
import { exitCodes } from '../exit-codes'
import { addCommonOptions, addEngineOptions, type CommonOptions, type EngineOptions, type Session } from '../session'
import { parseSetting, readRecipeFile } from '../yaml-recipe'
import type { SessionMaker } from './train'

/** `babble <model> <command>`: what the installed packages add of their own. */
export const addPluginCommands = (program: Command, session: SessionMaker): void => {
  for (const { plugin } of session.plugins.plugins) {
    if (!plugin.commands || plugin.commands.length === 0) continue
    const parent = program.command(plugin.name).description(`${plugin.title}: commands of its own`)
    for (const own of plugin.commands) {
      const command = parent.command(own.name).description(own.summary)
      for (const { flags, description, default: usual, required } of own.options) {
        if (required) command.requiredOption(flags, description)
        else command.option(flags, description, usual)
      }
      command.addHelpText('after', `\nExamples:\n${own.examples.map((line) => `  ${line}\n`).join('')}`)
      addCommonOptions(addEngineOptions(command)).action((options: CommonOptions & EngineOptions) =>
        session.run(options, async (active: Session) => {
          const {
            json: _,
            quiet: _q,
            verbose: _v,
            engine: _e,
            device: _d,
            ...rest
          } = options as Record<string, unknown> & typeof options
          const given = rest as { -readonly [Name in keyof PluginCommandOptions]: PluginCommandOptions[Name] }
          if (typeof given.model === 'string') given.model = await resolveModelDirectory(active.path(given.model))
          const { signal } = active.io
          const working = own.run(given, {
            ...(signal ? { signal } : {}),
            startEngine: (needs) => active.startEngine(options, needs),
            path: (path) => active.path(path),
            recordings: async (path) => [...(await openManifest(active.path(path)))],
            note: (text) => active.note(text),
            progress: (activity, done, total) => active.progress(activity, done, total),
            recipeFile: (path) => readRecipeFile(active.path(path), path),
            setting: parseSetting,
            trainingProgress: active.trainingProgress,
          })
          const result = await working.finally(() => active.checkInterrupted())
          active.result(result.text, result.json)
          return exitCodes.ok
        }),
      )
    }
  }
}
