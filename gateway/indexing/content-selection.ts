/** What the outbox and reconciliation ask of a document for the stores that follow it, of whichever type has it. */
export const CONTENT_SELECTION = /* GraphQL */ `
  chunks {
    id
    text
  }
  entities {
    name
    kind
    properties
  }
  relations {
    from {
      name
      kind
    }
    to {
      name
      kind
    }
    type
    properties
  }
`;
