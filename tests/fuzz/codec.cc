// The encoding of stored records: what is written is read, and reading any bytes ends.
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "service/store/codec.h"
#include "tests/fuzz/targets.h"

namespace newsprint::fuzz {
namespace {

constexpr size_t kKinds = 9;

// Writes what the input says, or reads it back from `decoder`, and compares.
void WriteOrRead(Bytes input, store::Encoder* encoder, store::Decoder* decoder) {
  while (!input.empty()) {
    const size_t kind = input.Below(kKinds);
    const auto number = input.Number<uint64_t>();
    const auto handle = [&](const auto& value, auto write, auto read) {
      if (encoder != nullptr) {
        (encoder->*write)(value);
      } else {
        Require((decoder->*read)() == value, "what was written is read");
      }
    };
    using store::Decoder;
    using store::Encoder;
    switch (kind) {
      case 0:
        handle(number, &Encoder::Varint, &Decoder::Varint);
        break;
      case 1:
        handle(static_cast<int64_t>(number), &Encoder::SignedVarint, &Decoder::SignedVarint);
        break;
      case 2: {
        double value = 0;
        std::memcpy(&value, &number, sizeof(value));
        handle(std::isnan(value) ? 0.5 : value, &Encoder::Double, &Decoder::Double);
        break;
      }
      case 3:
        handle(static_cast<uint32_t>(number), &Encoder::Fixed32, &Decoder::Fixed32);
        break;
      case 4:
        handle(number, &Encoder::Fixed64, &Decoder::Fixed64);
        break;
      case 5:
        handle(input.ShortString(), &Encoder::String, &Decoder::String);
        break;
      case 6:
        handle(std::vector<uint32_t>(number % 20, static_cast<uint32_t>(number)),
               &Encoder::Fixed32s, &Decoder::Fixed32s);
        break;
      case 7:
        handle(Hash128{number, ~number}, &Encoder::Hash, &Decoder::Hash);
        break;
      default:
        handle(absl::FromUnixNanos(static_cast<int64_t>(number)), &Encoder::Time, &Decoder::Time);
        break;
    }
  }
}

void ReadAnything(absl::string_view kinds, absl::string_view bytes) {
  store::Decoder decoder(bytes);
  for (const char kind : kinds) {
    const size_t before = decoder.remaining();
    switch (static_cast<unsigned char>(kind) % (kKinds + 2)) {
      case 0:
        decoder.Varint();
        break;
      case 1:
        decoder.SignedVarint();
        break;
      case 2:
        decoder.Double();
        break;
      case 3:
        decoder.Fixed32();
        break;
      case 4:
        decoder.Fixed64();
        break;
      case 5:
        Require(decoder.String().size() <= before, "a string is of the bytes");
        break;
      case 6:
        Require(decoder.Fixed32s().size() <= before / 4, "numbers are of the bytes");
        break;
      case 7:
        decoder.Hash();
        break;
      case 8:
        decoder.Time();
        break;
      case 9:
        Require(decoder.Count() <= before, "a count is of what is left");
        break;
      default:
        decoder.Bytes(static_cast<unsigned char>(kind));
        break;
    }
    Require(decoder.remaining() <= before, "reading goes on");
  }
  if (decoder.ok()) return;
  Require(decoder.Varint() == 0 && decoder.String().empty() && decoder.Fixed32s().empty() &&
              decoder.Count() == 0 && !decoder.ok(),
          "after an error all is zero");
}

}  // namespace

void FuzzCodec(absl::string_view bytes) {
  store::Encoder encoder;
  WriteOrRead(Bytes(bytes), &encoder, nullptr);
  const std::string encoded = encoder.Take();
  store::Decoder decoder(encoded);
  WriteOrRead(Bytes(bytes), nullptr, &decoder);
  Require(decoder.ok() && decoder.remaining() == 0, "all that was written is read");

  Bytes input(bytes);
  const std::string kinds = input.ShortString();
  ReadAnything(kinds, input.Rest());

  const auto a = input.Number<uint64_t>();
  const auto b = input.Number<uint64_t>();
  Require(store::ReadKeyFixed64(store::KeyFixed64(a)) == a, "keys are read as written");
  Require((store::KeyFixed64(a) < store::KeyFixed64(b)) == (a < b), "keys sort by number");
  const auto c = static_cast<uint32_t>(a);
  Require(store::ReadKeyFixed32(store::KeyFixed32(c)) == c, "short keys are read as written");
}

}  // namespace newsprint::fuzz
