/** How the programs for sources end. */
import { ConfigError } from '#gateway/config/config.ts';
import { redactText } from '#gateway/telemetry/logger.ts';
import { CodedError, messageWithHint } from '#subgraphs/shared/errors.ts';

/** Sets the exit code to what `main` gives; to 1 where it fails, and says why. */
export async function run(main: () => Promise<number>): Promise<void> {
  try {
    process.exitCode = await main();
  } catch (error) {
    if (error instanceof ConfigError) console.error(error.message);
    else console.error(redactText(error instanceof CodedError ? messageWithHint(error) : (error as Error).message));
    process.exitCode = 1;
  }
}
