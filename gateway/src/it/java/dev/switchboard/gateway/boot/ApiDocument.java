package dev.switchboard.gateway.boot;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.networknt.schema.JsonSchema;
import com.networknt.schema.JsonSchemaFactory;
import com.networknt.schema.SpecVersion;
import java.net.URI;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/** An OpenAPI document as a gateway serves it. */
final class ApiDocument {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final JsonSchemaFactory SCHEMAS =
      JsonSchemaFactory.getInstance(SpecVersion.VersionFlag.V202012);

  private final JsonNode root;
  private final Map<String, JsonSchema> schemas = new HashMap<>();

  /**
   * One thing that can be asked for.
   *
   * @param node its description
   */
  record Operation(String method, String path, JsonNode node) {
    String id() {
      return node.path("operationId").asText();
    }
  }

  private ApiDocument(JsonNode root) {
    this.root = root;
  }

  static ApiDocument of(String json) throws Exception {
    return new ApiDocument(JSON.readTree(json));
  }

  static ApiDocument at(InProcessGateway gateway, URI uri, String... headers) throws Exception {
    return new ApiDocument(JSON.readTree(gateway.get(uri, headers).body()));
  }

  JsonNode root() {
    return root;
  }

  List<Operation> operations() {
    List<Operation> all = new ArrayList<>();
    for (var path : root.path("paths").properties()) {
      for (var method : path.getValue().properties()) {
        all.add(
            new Operation(
                method.getKey().toUpperCase(Locale.ROOT), path.getKey(), method.getValue()));
      }
    }
    return all;
  }

  /** The operation of a method and a path of the document. */
  Operation operation(String method, String path) {
    return operations().stream()
        .filter(each -> each.method().equals(method) && each.path().equals(path))
        .findFirst()
        .orElseThrow();
  }

  /** Follows a reference, if it is one. */
  JsonNode resolved(JsonNode node) {
    String reference = node.path("$ref").asText();
    return reference.isEmpty() ? node : root.at(reference.substring(1));
  }

  /** The schema of an operation's body; null when it has none. */
  @Nullable JsonNode body(Operation operation) {
    JsonNode schema = operation.node().at("/requestBody/content/application~1json/schema");
    return schema.isMissingNode() ? null : schema;
  }

  /** The statuses that an operation may answer. */
  Set<Integer> statuses(Operation operation) {
    Set<Integer> statuses = new TreeSet<>();
    operation
        .node()
        .path("responses")
        .fieldNames()
        .forEachRemaining(status -> statuses.add(Integer.valueOf(status)));
    return statuses;
  }

  /** Status and code of every error that the document knows. */
  Set<String> errorCodes() {
    Set<String> codes = new TreeSet<>();
    for (var response : root.at("/components/responses").properties()) {
      String status = response.getKey().substring(1);
      response
          .getValue()
          .path("x-error-codes")
          .forEach(code -> codes.add(status + " " + code.asText()));
    }
    return codes;
  }

  /** What is wrong with an answer; empty when it is as documented. */
  List<String> faults(Operation operation, int status, String body) throws Exception {
    JsonNode response = resolved(operation.node().path("responses").path("" + status));
    if (response.isMissingNode()) {
      return List.of(operation.id() + " is not documented to answer " + status);
    }
    JsonNode content = response.path("content").path("application/json");
    if (content.isMissingNode()) {
      return List.of();
    }
    return faults(content.path("schema"), JSON.readTree(body));
  }

  /** What is wrong with the examples of an operation's body and answer, or that there is none. */
  List<String> faultyExamples(Operation operation) {
    List<String> faults = new ArrayList<>();
    examples(operation.node().path("requestBody"), faults);
    for (var response : operation.node().path("responses").properties()) {
      if (response.getKey().startsWith("2")) {
        examples(response.getValue(), faults);
      }
    }
    return faults;
  }

  private void examples(JsonNode described, List<String> faults) {
    JsonNode content = described.path("content").path("application/json");
    if (content.isMissingNode()) {
      return;
    }
    JsonNode example = content.path("example");
    faults.addAll(
        example.isMissingNode()
            ? List.of("has no example")
            : faults(content.path("schema"), example));
  }

  /** What is wrong with a body by one of the document's schemas. */
  List<String> faults(String schema, String body) {
    try {
      return faults(root.at("/components/schemas/" + schema), JSON.readTree(body));
    } catch (JsonProcessingException broken) {
      throw new IllegalArgumentException(body, broken);
    }
  }

  private List<String> faults(JsonNode schema, JsonNode value) {
    return schemas
        .computeIfAbsent(schema.toString(), text -> compiled(schema))
        .validate(value)
        .stream()
        .map(fault -> fault.toString())
        .toList();
  }

  /** The schema with all components beside it, so that its references lead somewhere. */
  private JsonSchema compiled(JsonNode schema) {
    ObjectNode whole = JSON.createObjectNode();
    whole.set("components", root.path("components"));
    whole.putArray("allOf").add(schema);
    return SCHEMAS.getSchema(whole);
  }

  /** What is wrong with a document by a schema's rules. */
  static List<String> faults(JsonNode rules, ApiDocument document) {
    return SCHEMAS.getSchema(rules).validate(document.root).stream()
        .map(fault -> fault.toString())
        .toList();
  }
}
