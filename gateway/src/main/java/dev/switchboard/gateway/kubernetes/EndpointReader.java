package dev.switchboard.gateway.kubernetes;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.DeserializationContext;
import com.fasterxml.jackson.databind.deser.std.StdDeserializer;
import dev.switchboard.gateway.kubernetes.ApiObjects.Conditions;
import dev.switchboard.gateway.kubernetes.ApiObjects.SliceEndpoint;
import dev.switchboard.gateway.kubernetes.ApiObjects.TargetRef;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Reads an endpoint of a slice field by field. A change of one comes as its whole slice of a
 * hundred, which makes this most of what following a large Service takes; reading them by
 * reflection takes twice as long.
 */
final class EndpointReader extends StdDeserializer<SliceEndpoint> {
  private static final long serialVersionUID = 1;

  EndpointReader() {
    super(SliceEndpoint.class);
  }

  @Override
  public SliceEndpoint deserialize(JsonParser in, DeserializationContext context)
      throws IOException {
    List<String> addresses = null;
    Conditions conditions = null;
    TargetRef target = null;
    String node = null;
    String zone = null;
    requireObject(in, context);
    for (String field = in.nextFieldName(); field != null; field = in.nextFieldName()) {
      if (in.nextToken() == JsonToken.VALUE_NULL) {
        continue;
      }
      switch (field) {
        case "addresses" -> addresses = addresses(in, context);
        case "conditions" -> conditions = conditions(in, context);
        case "targetRef" -> target = target(in, context);
        case "nodeName" -> node = text(in, context);
        case "zone" -> zone = text(in, context);
        default -> in.skipChildren();
      }
    }
    return new SliceEndpoint(addresses, conditions, target, node, zone);
  }

  private static void requireObject(JsonParser in, DeserializationContext context)
      throws IOException {
    if (in.currentToken() != JsonToken.START_OBJECT) {
      context.reportWrongTokenException(SliceEndpoint.class, JsonToken.START_OBJECT, "an object");
    }
  }

  private static List<String> addresses(JsonParser in, DeserializationContext context)
      throws IOException {
    if (in.currentToken() != JsonToken.START_ARRAY) {
      context.reportWrongTokenException(SliceEndpoint.class, JsonToken.START_ARRAY, "addresses");
    }
    List<String> all = new ArrayList<>(1);
    while (in.nextToken() != JsonToken.END_ARRAY) {
      all.add(text(in, context));
    }
    return all;
  }

  private static Conditions conditions(JsonParser in, DeserializationContext context)
      throws IOException {
    Boolean ready = null;
    Boolean serving = null;
    Boolean terminating = null;
    requireObject(in, context);
    for (String field = in.nextFieldName(); field != null; field = in.nextFieldName()) {
      if (in.nextToken() == JsonToken.VALUE_NULL) {
        continue;
      }
      switch (field) {
        case "ready" -> ready = flag(in, context);
        case "serving" -> serving = flag(in, context);
        case "terminating" -> terminating = flag(in, context);
        default -> in.skipChildren();
      }
    }
    return new Conditions(ready, serving, terminating);
  }

  private static TargetRef target(JsonParser in, DeserializationContext context)
      throws IOException {
    String kind = null;
    String namespace = null;
    String name = null;
    String uid = null;
    requireObject(in, context);
    for (String field = in.nextFieldName(); field != null; field = in.nextFieldName()) {
      if (in.nextToken() == JsonToken.VALUE_NULL) {
        continue;
      }
      switch (field) {
        case "kind" -> kind = text(in, context);
        case "namespace" -> namespace = text(in, context);
        case "name" -> name = text(in, context);
        case "uid" -> uid = text(in, context);
        default -> in.skipChildren();
      }
    }
    return new TargetRef(kind, namespace, name, uid);
  }

  private static @Nullable Boolean flag(JsonParser in, DeserializationContext context)
      throws IOException {
    return switch (in.currentToken()) {
      case VALUE_TRUE -> Boolean.TRUE;
      case VALUE_FALSE -> Boolean.FALSE;
      default -> (Boolean) context.handleUnexpectedToken(Boolean.class, in);
    };
  }

  private static String text(JsonParser in, DeserializationContext context) throws IOException {
    if (in.currentToken() != JsonToken.VALUE_STRING) {
      context.reportWrongTokenException(SliceEndpoint.class, JsonToken.VALUE_STRING, "a text");
    }
    return in.getText();
  }
}
