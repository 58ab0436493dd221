/** The name under which a PUT creates an event: from its path and its query, with the same rules as in a body. */
import { TypeCompiler } from '../typebox.js';
import { eventSchema } from './event-schema.js';
import { readExternalJobId } from './external-job-id.js';
import { type Refusal, refuseFields } from './refusal.js';

export interface NewName {
  readonly externalJobId: string;
  readonly source: string;
}

const { external_job_id: idSchema, source: sourceSchema } = eventSchema.properties;
const idCheck = TypeCompiler.Compile(idSchema);
const sourceCheck = TypeCompiler.Compile(sourceSchema);

export function readNewName(parameter: string, source: string): NewName | Refusal {
  const externalJobId = readExternalJobId(parameter);
  if (externalJobId === null || !idCheck.Check(externalJobId))
    return refuseFields([
      { pointer: '', detail: `the external_job_id in the path must be ${idSchema.description}, percent-encoded` },
    ]);
  if (!sourceCheck.Check(source))
    return refuseFields([{ pointer: '', detail: `the query parameter source must be ${sourceSchema.description}` }]);
  return { externalJobId, source };
}
