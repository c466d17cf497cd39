package dev.switchboard.openai;

import java.util.List;

/**
 * A model as {@code GET /v1/models} lists it.
 *
 * @param contextTokens longest prompt and answer together; 0 when unknown
 */
public record ModelCard(String id, long createdSeconds, String ownedBy, int contextTokens) {

  /** The body of {@code GET /v1/models}. */
  public static String listJson(List<ModelCard> models) {
    JsonWriter json = new JsonWriter(256).raw("{\"object\":\"list\",\"data\":[");
    for (int i = 0; i < models.size(); i++) {
      models.get(i).write(json.raw(i == 0 ? "" : ","));
    }
    return json.raw("]}").toString();
  }

  /** The body of {@code GET /v1/models/{id}}. */
  public String toJson() {
    JsonWriter json = new JsonWriter(128);
    write(json);
    return json.toString();
  }

  private void write(JsonWriter json) {
    json.raw("{\"id\":").string(id).raw(",\"object\":\"model\",\"created\":");
    json.number(createdSeconds).raw(",\"owned_by\":").string(ownedBy);
    if (contextTokens > 0) {
      json.raw(",\"max_model_len\":").number(contextTokens);
    }
    json.raw("}");
  }
}
