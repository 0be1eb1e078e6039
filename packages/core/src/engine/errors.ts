import { BabbleError } from '../errors'

/** No engine of the kind asked for could be loaded. */
export class EngineError extends BabbleError {}

/** An engine could not be fetched or built; nothing incomplete is left behind. */
export class EngineBuildError extends EngineError {}

/** The engine asked for is not installed. */
export class EngineMissingError extends EngineError {}
