/** The name under which a PUT creates an event: from its path and its query, with the same rules as in a body. */
import { Form } from '../form.js';
import { eventForm } from './event-schema.js';
import { readExternalJobId } from './fields/external-job-id.js';
import { type Refusal, refuseFields } from './refusal.js';

export interface NewName {
  readonly externalJobId: string;
  readonly source: string;
}

const idForm = new Form(() => eventForm.schema.properties.external_job_id);
const sourceForm = new Form(() => eventForm.schema.properties.source);

export function readNewName(parameter: string, source: string): NewName | Refusal {
  const externalJobId = readExternalJobId(parameter);
  if (externalJobId === null || !idForm.fits(externalJobId))
    return refuseFields([
      { pointer: '', detail: `the external_job_id in the path must be ${idForm.schema.description}, percent-encoded` },
    ]);
  if (!sourceForm.fits(source))
    return refuseFields([{ pointer: '', detail: `the query parameter source must be ${sourceForm.schema.description}` }]);
  return { externalJobId, source };
}
