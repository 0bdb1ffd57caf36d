/** Operations as Relay's users write them. The compiler reads this file; nobody runs it. */
import { graphql } from 'relay-runtime';

export const documents = graphql`
  query libraryQuery($first: Int, $after: String, $last: Int, $before: String) {
    ...library_documents @arguments(first: $first, after: $after, last: $last, before: $before)
  }
`;
export const page = graphql`
  fragment library_documents on Query
  @refetchable(queryName: "libraryPageQuery")
  @argumentDefinitions(
    first: { type: "Int" }
    after: { type: "String" }
    last: { type: "Int" }
    before: { type: "String" }
  ) {
    documents(first: $first, after: $after, last: $last, before: $before) @connection(key: "library_documents") {
      edges {
        node {
          id
          title
        }
      }
    }
  }
`;
export const entity = graphql`
  query libraryEntityQuery($id: ID!) {
    node(id: $id) {
      ...library_relations @alias(as: "entity")
    }
  }
`;
export const relations = graphql`
  fragment library_relations on Entity
  @refetchable(queryName: "libraryRelationsQuery")
  @argumentDefinitions(count: { type: "Int", defaultValue: 1 }, cursor: { type: "String" }) {
    name
    relations(first: $count, after: $cursor) @connection(key: "library_relations") {
      edges {
        direction
        relationId
        node {
          id
          name
        }
      }
    }
  }
`;
export const bothEnds = graphql`
  query libraryEndsQuery($ids: [ID!]!) {
    nodes(ids: $ids) {
      id
      ... on Entity {
        relations(first: 10) {
          edges {
            direction
            node {
              name
            }
          }
        }
      }
      ... on GraphRelation {
        type
      }
    }
  }
`;
export const remove = graphql`
  mutation libraryRemoveMutation($input: DeleteDocumentInput!, $connections: [ID!]!) {
    deleteDocument(input: $input) {
      deletedIds @deleteEdge(connections: $connections)
    }
  }
`;
export const follow = graphql`
  subscription libraryRunSubscription($runId: ID!) {
    runEvents(runId: $runId) {
      __typename
      sequence
      ... on TextMessageContentEvent {
        delta
      }
      run {
        id
        status
      }
    }
  }
`;
export const events = graphql`
  query libraryEventsQuery($id: ID!, $first: Int!, $after: String) {
    run(id: $id) {
      events(first: $first, after: $after) @connection(key: "library_events") {
        edges {
          node {
            sequence
          }
        }
      }
    }
  }
`;
export const add = graphql`
  mutation libraryAddMutation($input: UpsertDocumentInput!, $connections: [ID!]!) {
    upsertDocument(input: $input) {
      document @prependNode(connections: $connections, edgeTypeName: "DocumentEdge") {
        id
        title
      }
    }
  }
`;
export const deferred = graphql`
  query libraryDeferredQuery($id: ID!) {
    document(id: $id) {
      title
      ...library_text @defer(label: "text")
    }
  }
`;
export const text = graphql`
  fragment library_text on Document {
    text
  }
`;
export const streamed = graphql`
  query libraryStreamedQuery($first: Int!) {
    documents(first: $first) @stream_connection(key: "library__documents", initial_count: 1, label: "documents") {
      edges {
        node {
          title
        }
      }
    }
  }
`;
