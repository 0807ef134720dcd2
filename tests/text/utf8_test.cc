#include "service/text/utf8.h"

#include <string>

#include <gtest/gtest.h>

namespace newsprint::text {
namespace {

TEST(IsValidUtf8Test, AcceptsEveryLength) {
  EXPECT_TRUE(IsValidUtf8(""));
  EXPECT_TRUE(IsValidUtf8("plain ASCII that is longer than one block"));
  EXPECT_TRUE(IsValidUtf8("é"));
  EXPECT_TRUE(IsValidUtf8("12345678é12345678“12345678😀"));
  EXPECT_TRUE(IsValidUtf8(absl::string_view("\0", 1)));
}

TEST(IsValidUtf8Test, RefusesIllFormedSequences) {
  for (const absl::string_view bytes :
       {"\x80", "\xC3", "\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xE2\x82",
        "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "\xC3(", "\xE2\x80(",
        "\xF0\x9F\x98"}) {
    EXPECT_FALSE(IsValidUtf8(bytes));
    EXPECT_FALSE(IsValidUtf8("12345678" + std::string(bytes)));
    EXPECT_FALSE(IsValidUtf8(std::string(bytes) + "12345678"));
  }
}

TEST(RepairUtf8Test, KeepsWellFormedInput) {
  EXPECT_EQ(RepairUtf8(""), "");
  EXPECT_EQ(RepairUtf8("São Paulo – “não”"), "São Paulo – “não”");
}

TEST(RepairUtf8Test, ReadsStrayBytesAsWindows1252) {
  EXPECT_EQ(RepairUtf8("caf\xE9"), "café");
  EXPECT_EQ(RepairUtf8("\x93quoted\x94 it\x92s"), "“quoted” it’s");
  EXPECT_EQ(RepairUtf8("é and \xE9"), "é and é");
  EXPECT_EQ(RepairUtf8("\x81"), "\uFFFD");
  EXPECT_EQ(RepairUtf8("cut off \xE2\x80"), "cut off â€");
}

TEST(NextCharacterTest, ReadsAndAdvances) {
  const absl::string_view text = "aé“😀\xFF";
  size_t position = 0;
  for (const char32_t expected : {U'a', U'é', U'“', U'😀', U'\uFFFD', U'\0'}) {
    EXPECT_EQ(NextCharacter(text, &position), expected);
  }
  EXPECT_EQ(position, text.size());
}

TEST(UndoDoubleEncodingTest, UndoesOneAndTwoRounds) {
  EXPECT_EQ(UndoDoubleEncoding("itâ€™s"), "it’s");
  EXPECT_EQ(UndoDoubleEncoding("GuantÃ¡namo"), "Guantánamo");
  EXPECT_EQ(UndoDoubleEncoding("MormonsÃ¢â‚¬â„¢ First"), "Mormons’ First");
  EXPECT_EQ(UndoDoubleEncoding("â€œyesâ€\u009D â€” no"), "“yes” — no");
  EXPECT_EQ(UndoDoubleEncoding("Â£1bn"), "£1bn");
  EXPECT_EQ(UndoDoubleEncoding("â‚¬5"), "€5");
  EXPECT_EQ(UndoDoubleEncoding("\u00C3\u00A0 la cittÃ\u00A0."), "à la città.");
  EXPECT_EQ(UndoDoubleEncoding("ðŸ˜€"), "😀");
  EXPECT_EQ(UndoDoubleEncoding("ï»¿Start"), "\uFEFFStart");
}

TEST(UndoDoubleEncodingTest, ReadsLatin1Too) {
  EXPECT_EQ(UndoDoubleEncoding("Hamas\u00E2\u0080\u0099 report"), "Hamas’ report");
  EXPECT_EQ(UndoDoubleEncoding("\u00C3\u00A2\u00C2\u0080\u00C2\u009D"), "”");
  EXPECT_EQ(UndoDoubleEncoding("\u00E2\u0096\u00B6 Watch"), "▶ Watch");
}

TEST(UndoDoubleEncodingTest, UndoesOtherScripts) {
  EXPECT_EQ(UndoDoubleEncoding("Ð¿Ñ€Ð¸Ð²ÐµÑ‚"), "привет");
  EXPECT_EQ(UndoDoubleEncoding("Ø§Ù„Ø¹Ø±Ø¨ÛŒ"), "العربی");
  EXPECT_EQ(UndoDoubleEncoding("ê°\u0095ë\u0082¨"), "강남");
  EXPECT_EQ(UndoDoubleEncoding("Å‚Ã³dÅº"), "łódź");
  EXPECT_EQ(UndoDoubleEncoding("Viá»‡t Nguyá»…n"), "Việt Nguyễn");
}

TEST(UndoDoubleEncodingTest, CompletesCutOffQuotes) {
  EXPECT_EQ(UndoDoubleEncoding("getting?â€"), "getting?”");
  EXPECT_EQ(UndoDoubleEncoding("endâ€ of"), "end” of");
  EXPECT_EQ(UndoDoubleEncoding("endâ€\uFFFD of"), "end” of");
  EXPECT_EQ(UndoDoubleEncoding("end\u00E2\u0080"), "end”");
}

TEST(UndoDoubleEncodingTest, KeepsRightfulText) {
  for (const absl::string_view text : {"l’âge du château",
                                       "São Paulo, IRMÃO",
                                       "Ärger mit Äpfeln",
                                       "Việt Nam, Nguyễn Văn Â",
                                       "« fiancé\u00A0»",
                                       "« fiancé\u00A0», à\u00A0«\u00A0Nîmes\u00A0»",
                                       "frappé\u00A0»\u00A0…",
                                       "CAFÉ’S",
                                       "PELÉ’s “EXPOSÉ”",
                                       "Das macht Spaß“, sagte er",
                                       "au-delà…",
                                       "CAFÉ® ÉTÉ™",
                                       "IRMÃ”",
                                       "AMANHÃ»",
                                       "IRMÃ\u00A0DE",
                                       "añadió–",
                                       "está» – está»… está»\u00A0que",
                                       "È\u00A0stata",
                                       "Giovedì\u00A0•\u00A010",
                                       "salarié·e·s",
                                       "polí\u00ADtica",
                                       "Ðað er",
                                       "ŽÁDOST, VÝŽIVA, PÍŠE",
                                       "UMEÅ’S",
                                       "JÄ”",
                                       "Å\u00ADk",
                                       "5 ×\u00A03",
                                       "naïve",
                                       "â",
                                       "€",
                                       "Â",
                                       "Ã",
                                       ""}) {
    EXPECT_EQ(UndoDoubleEncoding(text), text);
  }
}

TEST(UndoDoubleEncodingTest, MixesWithRightfulText) {
  EXPECT_EQ(UndoDoubleEncoding("« café\u00A0» â€œÃ©tÃ©â€\u009D"), "« café\u00A0» “été”");
  EXPECT_EQ(UndoDoubleEncoding("CÃ”TÃ‰ CÃ´te NÃ®mes LÃ\u00A0-bas"), "CÔTÉ Côte Nîmes Là-bas");
}

}  // namespace
}  // namespace newsprint::text
