package dev.switchboard.openai;

/**
 * A function call in an answer.
 *
 * @param index among the calls of its choice
 * @param arguments text of a JSON object
 */
public record ToolCallAnswer(int index, String id, String name, String arguments) {

  /** The call in a whole answer, which has no index. */
  void write(JsonWriter json) {
    open(json.raw("{"));
    json.string(arguments).raw("}}");
  }

  /** What a stream says first of the call: all but its arguments. */
  void writeOpening(JsonWriter json) {
    open(json.raw("{\"index\":").number(index).raw(","));
    json.raw("\"\"}}");
  }

  /** The same call with these arguments alone. */
  public ToolCallAnswer withArguments(String known) {
    return new ToolCallAnswer(index, id, name, known);
  }

  /** What a stream says next. */
  void writeArguments(JsonWriter json) {
    json.raw("{\"index\":").number(index).raw(",\"function\":{\"arguments\":");
    json.string(arguments).raw("}}");
  }

  private void open(JsonWriter json) {
    json.raw("\"id\":").string(id).raw(",\"type\":\"function\",\"function\":{\"name\":");
    json.string(name).raw(",\"arguments\":");
  }
}
