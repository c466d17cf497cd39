package dev.switchboard.gateway.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class UsageSumTest {
  private static final String ROW =
      "{\"tenant\":\"a\",\"requests\":2,\"prompt_tokens\":30,\"cached_tokens\":9,\"output_tokens\":5}";
  private static final String STOPPED =
      "{\"event\":\"stopped\",\"requests\":4,\"prompt_tokens\":50,\"output_tokens\":6}\n";

  private static JsonNode json(String text) throws IOException {
    return new ObjectMapper().readTree(text);
  }

  @Test
  void allTenantsAndHoursAreAddedUp() throws IOException {
    assertEquals(
        new UsageSum(4, 60, 10), UsageSum.of(json("{\"usage\":[" + ROW + "," + ROW + "]}")));
  }

  @ParameterizedTest
  @ValueSource(strings = {"{\"usage\":[],\"next_offset\":1}", "{\"error\":{}}"})
  void whatIsNotAllOfItIsRefused(String answer) throws IOException {
    JsonNode read = json(answer);

    assertThrows(IllegalArgumentException.class, () -> UsageSum.of(read));
  }

  @Test
  void theLastProcessOfAPodIsHeard() throws IOException {
    String printed = STOPPED.replace("4", "1") + "{\"event\":\"ready\"}\n" + STOPPED;

    assertEquals(new UsageSum(4, 50, 6), UsageSum.atEnd(printed));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "{\"event\":\"ready\"}\n", "{\"event\":\"stopped\"}\n"})
  void whoSaysNothingAtItsEndIsNoSumOfNothing(String printed) {
    assertThrows(IOException.class, () -> UsageSum.atEnd(printed));
  }

  @Test
  void sumsAreAddedAndTakenAway() {
    UsageSum some = new UsageSum(1, 2, 3);

    assertEquals(new UsageSum(5, 52, 9), new UsageSum(4, 50, 6).plus(some));
    assertEquals(new UsageSum(3, 48, 3), new UsageSum(4, 50, 6).minus(some));
  }
}
