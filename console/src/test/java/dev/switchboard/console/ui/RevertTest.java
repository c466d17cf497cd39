package dev.switchboard.console.ui;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.vaadin.flow.component.button.Button;
import com.vaadin.flow.component.dialog.Dialog;
import com.vaadin.flow.component.html.ListItem;
import com.vaadin.flow.component.textfield.NumberField;
import com.vaadin.flow.component.textfield.TextArea;
import dev.switchboard.console.api.FakeGateway;
import dev.switchboard.console.api.Role;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What is offered after a change, and where somebody else was faster. */
class RevertTest extends ConsoleViewTest {
  private static final String MEANWHILE =
      "{\"error\": {\"code\": \"version_changed\", \"param\": \"If-Match\", \"message\": \"It was"
          + " changed meanwhile.\"}}";

  @BeforeEach
  void signInAsOperator() {
    fake.say("POST /admin/v1/replicas/w0/weight", 200, "{\"id\": \"w0\"}");
    as(Role.OPERATOR);
    go("replicas/gw/w0");
  }

  private void press(String text) {
    test(find(Button.class).withText(text).single()).click();
  }

  private void weigh(double weight) {
    press("Set weight");
    find(NumberField.class).single().setValue(weight);
    confirm("Set weight of w0");
  }

  private void confirm(String title) {
    find(TextArea.class).single().setValue("a test");
    press(title);
  }

  private FakeGateway.Call lastChange() {
    return fake.changes().getLast();
  }

  private boolean says(String effect) {
    return find(ListItem.class).all().stream().anyMatch(item -> item.getText().contains(effect));
  }

  @Test
  void aChangeIsTakenBackFromTheFrameWithAReasonOfItsOwn() {
    weigh(3);
    assertEquals("{\"weight\":3.0}", lastChange().body());

    Button revert =
        find(Button.class)
            .withCondition(b -> "Revert: Set weight of w0".equals(b.getAriaLabel().orElse("")))
            .single();
    test(revert).click();

    assertEquals(1, fake.changes().size(), "nothing is done before somebody confirms it");
    confirm("Set weight of w0");
    assertEquals("{\"weight\":1.0}", lastChange().body());
  }

  @Test
  void whatCannotBeTakenBackIsNotOffered() {
    weigh(3);
    go("replicas/gw/standby");
    press("Promote");
    confirm("Promote standby");

    assertFalse(LastChange.get().isPresent());
  }

  @Test
  void whoSignsInWhereSomebodyElseWasIsNotOfferedToTakeBackWhatThatOneDid() {
    weigh(3);
    assertTrue(LastChange.get().isPresent());

    as(Role.ADMIN);

    assertFalse(LastChange.get().isPresent());
  }

  /** Somebody else set another weight while this one was thought about. */
  private void weighTooLate(double weight) {
    fake.say("POST /admin/v1/replicas/w0/weight", 412, MEANWHILE);
    weigh(weight);
    fake.say(
        "GET /admin/v1/replicas/w0",
        200,
        "{\"id\": \"w0\", \"state\": \"READY\", \"weight\": 7.0, \"version\": \"v9\"}");
  }

  private void readAgain() {
    press("Read again");
    fake.say("POST /admin/v1/replicas/w0/weight", 200, "{\"id\": \"w0\"}");
  }

  @Test
  void whoeverWasSlowerReadsAgainAndConfirmsWhatIsThereNow() {
    weighTooLate(3);
    assertEquals(1, fake.changes().size(), "it was asked once");

    readAgain();

    assertTrue(says("Weight 7 becomes 3"));
    assertEquals(1, fake.changes().size());
    press("Set weight of w0");
    assertEquals("v9", lastChange().headers().get("if-match"));
    assertEquals("{\"weight\":3.0}", lastChange().body());
  }

  @Test
  void whatWasReadAgainIsTakenBackToWhatSomebodyElseLeftThere() {
    weighTooLate(3);
    readAgain();
    press("Set weight of w0");

    test(find(Button.class)
            .withCondition(b -> "Revert: Set weight of w0".equals(b.getAriaLabel().orElse("")))
            .single())
        .click();
    confirm("Set weight of w0");

    assertEquals("{\"weight\":7.0}", lastChange().body());
  }

  @Test
  void anotherInputAfterReadingAgainIsComparedWithWhatWasRead() {
    weighTooLate(3);
    readAgain();

    find(NumberField.class).single().setValue(5.0);

    assertTrue(says("Weight 7 becomes 5"));
    press("Set weight of w0");
    assertEquals("v9", lastChange().headers().get("if-match"));
    assertEquals("{\"weight\":5.0}", lastChange().body());
  }

  @Test
  void whatIsNotThereAnyMoreIsNotSaidToBeMadeAnew() {
    weighTooLate(3);
    fake.say("GET /admin/v1/replicas/w0", 404, "{\"error\": {\"message\": \"none\"}}");

    readAgain();

    String said = find(Dialog.class).single().getElement().getTextRecursively();
    assertTrue(said.contains("Not done: there is no replica w0 any more"), said);
    assertFalse(said.contains("anew"), said);
  }
}
