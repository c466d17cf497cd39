package dev.switchboard.console.live;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class PointsTest {
  private static List<Sample> parse(String text) {
    return MetricsText.parse(text.getBytes(StandardCharsets.UTF_8), Points.WANTED);
  }

  @Test
  void countersBecomeRatesFromTheSecondScrapeOn() {
    Points points = new Points();
    String text = "switchboard_requests_total{model=\"m\",endpoint=\"chat\",outcome=\"ok\"} ";

    Map<String, Float> first = points.of(parse(text + "10\n"), 5);
    Map<String, Float> second = points.of(parse(text + "30\n"), 5);

    assertNull(first.get("model/m/requests"));
    assertEquals(4f, second.get("model/m/requests"));
    assertNull(second.get("model/m/errors"));
  }

  @Test
  void aRestartOfTheGatewayIsNoNegativeRate() {
    Points points = new Points();
    String text = "switchboard_replica_steps_total{replica=\"w0\"} ";
    points.of(parse(text + "1000\n"), 5);

    Map<String, Float> after = points.of(parse(text + "10\n"), 5);

    assertEquals(2f, after.get("replica/w0/steps"));
  }

  @Test
  void quantilesAreOfWhatCameBetweenTwoScrapes() {
    Points points = new Points();
    points.of(parse(ttft(100, 100, 100)), 5);

    Map<String, Float> after = points.of(parse(ttft(100, 200, 200)), 5);

    assertEquals(15f, after.getOrDefault("model/m/ttft_p50", 0f), 0.01f);
    assertEquals(19.5f, after.getOrDefault("model/m/ttft_p95", 0f), 0.01f);
  }

  private static String ttft(int ten, int twenty, int all) {
    String bucket = "switchboard_ttft_seconds_bucket{class=\"c\",model=\"m\",le=\"%s\"} %d%n";
    return bucket.formatted("0.01", ten)
        + bucket.formatted("0.02", twenty)
        + bucket.formatted("+Inf", all);
  }

  @Test
  void aClassHasTrafficGoodputAndQueueTimeOfAllModels() {
    Points points = new Points();
    points.of(parse(ofClasses(0)), 5);

    Map<String, Float> after = points.of(parse(ofClasses(10)), 5);

    assertEquals(4f, after.get("class/c/requests"));
    assertEquals(2f, after.get("class/c/good_requests"));
    assertEquals(20f, after.get("class/c/good_tokens"));
    assertEquals(2f, after.get("model/m/good_requests"));
    assertEquals(20f, after.get("model/m/good_tokens"));
    assertEquals(5f, after.getOrDefault("class/c/queue_p50", 0f), 0.01f);
    assertNull(after.get("class//requests"), "refused before its class was known");
  }

  private static String ofClasses(int more) {
    String text =
        """
        switchboard_request_seconds_count{class="c",endpoint="chat",model="m"} N
        switchboard_request_seconds_count{class="c",endpoint="chat",model="n"} N
        switchboard_request_seconds_count{class="",endpoint="chat",model="m"} N
        switchboard_slo_good_requests_total{class="c",model="m"} N
        switchboard_slo_good_tokens_total{class="c",model="m"} N0
        switchboard_queue_seconds_bucket{class="c",model="m",le="0.01"} N
        switchboard_queue_seconds_bucket{class="c",model="m",le="+Inf"} N
        """;
    return text.replace("N", "" + more);
  }

  @Test
  void aGatewayThatCountsNoGoodputHasNoneInsteadOfZero() {
    Points points = new Points();
    String text = "switchboard_requests_total{model=\"m\",endpoint=\"chat\",outcome=\"ok\"} ";
    points.of(parse(text + "10\n"), 5);

    Map<String, Float> after = points.of(parse(text + "30\n"), 5);

    assertNull(after.get("model/m/good_requests"));
  }

  @Test
  void whereNothingCameThereIsNoQuantile() {
    Points points = new Points();
    points.of(parse(ttft(1, 2, 3)), 5);

    Map<String, Float> after = points.of(parse(ttft(1, 2, 3)), 5);

    assertNull(after.get("model/m/ttft_p50"));
  }

  @Test
  void kvIsTheShareOfBlocksInUse() {
    String text = "switchboard_replica_kv_blocks{replica=\"w0\",state=\"%s\"} %d%n";
    String scrape =
        text.formatted("free", 60) + text.formatted("cached", 20) + text.formatted("used", 20);

    Map<String, Float> points = new Points().of(parse(scrape), 5);

    assertEquals(0.2f, points.get("replica/w0/kv"));
  }

  @Test
  void labelsMayHoldWhateverANameMay() {
    String line = "switchboard_requests_in_flight{model=\"a\\\"b\\\\c\\n{},=\"} 2\n";

    List<Sample> samples = parse(line + "switchboard_requests_in_flight{model=\"x\n" + line);

    assertEquals(2, samples.size());
    assertEquals("a\"b\\c\n{},=", samples.getFirst().label("model"));
    assertFalse(Float.isNaN((float) samples.getFirst().value()));
  }
}
