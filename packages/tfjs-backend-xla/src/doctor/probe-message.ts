import type { PluginInfo } from '../install/index'
import type { DeviceReport, SpeedReport } from './report'

/** What the process that opens a plugin is told to do: its only argument, as JSON. */
export interface ProbeRequest {
  readonly plugin: PluginInfo
  readonly speed: boolean
}

/** What it finds, sent as it finds it: a plugin may crash at any step. */
export type ProbeMessage =
  | { readonly step: 'loaded'; readonly apiVersion: string; readonly attributes: ProbeAttributes }
  | {
      readonly step: 'opened'
      readonly platform: string
      readonly platformVersion: string
      readonly devices: readonly DeviceReport[]
    }
  | { readonly step: 'computed' }
  | { readonly step: 'measured'; readonly speed: SpeedReport }
  | { readonly step: 'failed'; readonly error: string }

export interface ProbeAttributes {
  readonly xlaVersion: string | undefined
  readonly stablehloVersion: string | undefined
  readonly oldestStablehloVersion: string | undefined
}
