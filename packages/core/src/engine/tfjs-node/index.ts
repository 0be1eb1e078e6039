export { type BuildTfjsNodeOptions, buildTfjsNode, type TfjsNodeBuild } from './build'
export type { TfjsNodeVariant } from './catalogue'
export { type LoadedTfjsNode, loadTfjsNode } from './load'
export type { BuildProgress } from './progress'
