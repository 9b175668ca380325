//! `crypto.subtle` from a script's side: known answers, round trips, errors, and what it may cost.
//!
//! Vectors are those of the standards named beside them; those of RSA were made with OpenSSL 3.0.

use crate::harness::script::{BENCH, ORIGIN, answer, drive, failed, json, result, run_with};
use mayfly::isolate::{ErrorKind, Image, Isolate, Origin, Step};
use mayfly::limits::{DEFAULTS, Limits, TICK_MS};
use mayfly::prepare::Script;

/// What every script here begins with.
const TOOLS: &str = r#"
    const { subtle } = crypto;
    const hex = (buffer) => new Uint8Array(buffer).toHex();
    const un = (text) => Uint8Array.fromHex(text);
    const un64 = (text) => Uint8Array.fromBase64(text);
    const utf8 = (text) => new TextEncoder().encode(text);
    const raw = (algorithm, bytes, ...usages) => subtle.importKey("raw", bytes, algorithm, true, usages);
    const told = async (promise) => { try { await promise; return "done" } catch (error) { return error.name } };
"#;

/// An RSA key of 2048 bits, in base64.
const RSA_PKCS8: &str = "MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQDBCdQhD3NmrROMtuvnotlntHEY1Ns5zb692VJ0Mux5aCZb4Hz+yVkfHJTi18\
     so6Jqvv3jcJiC3LidhXh6B5L2C0CH4PSIWVsy7dNKHrFIP+pnjs69LHIrGDHvHQypU1vIBedc0C3g5dnT0kob90n/79ID6VJp3RdYAUa+LUKNq\
     MZZzsyXrQqH+fiUBG/lG+T2hk6DJSJ/2cLEiQ0+IgXtV1srpmIUHwWirvcDZiEGkLjzUmlKe8w6jaiWYi0N6fWHcj8PhvKOm5V3jP6lcUxs1WV\
     +mjo+sE8mTQ6WMRxdaPkRJn+vwwWa0QJg1paYaC/j6fI4a6mO3vKsBKCIIIxFVAgMBAAECggEATF+gHuhnBwOJDY49rWqfy0j3yhRFHAyL378A\
     wVp4dtw++PDLY160NPvw6ALqrSfCM7B0l9056l+HUx2Swl+Gnx/LoNRHDUGQRMZGmUkTOqEyi4VG4FfNi+fafQ7Uy7YzD2RuQXgcO9fjE/R5Fi\
     lXW470DJa2emQV9BBdfKgNz3BZAdTV83/xKzk9aEvvJ+rs1bWs4Upu2CZN/HO8Wkl3emxmg9B/SXKlN59Ew7ZkuEDWTvR+9/cMgefEmbkbiLQc\
     Sw6VEHl5/ffeQZsT9UHbItB//S4rF4bTtc5TsPP4/4rJa/SvEjRsSd0l/1Rpg3QT1Vt0wpMiBHZIqNPOE3RObQKBgQDnl1j0xCNVkOpcfKtjt5\
     iJaaH+vpElhsmpUpTGvIGjYVPdIvRz3s5hL8FYthmYO4jHEcMlDXHB/foEAakCVF6DqawkMJ7zkZhFJqLoUUjip9pVWFZ1GeOD/IaKLqcsO92R\
     T+0+iCU+PbC5fTHrI+7qPLgqwqP9Azo1jhIiudhHowKBgQDVYkXV9h9/0OMMXC8IOlb9xFgrWPzYbqxuBShFlJpmTokjvYIVMFC6eKx12jOqZk\
     qA2cSRZBGes8BV3Nj7KQbbSNkjKWUQ2ucvIln6BH7yZcpJA0pgUVe+AUTtKqm5ERc0OhRaEh3bNopXqVUQ43AHRd17/2h8ueW4zYdpJJ+ypwKB\
     gC1rVEnksZ1VZ3EuDhrnZeYFLn0ceLDoZ2JqzLzROYeGTgE/mruixczvpba1N/3QJzoLdL8ujNHj8oWYocHQNB0USKtsUbApLLjbI/X2AxpYmw\
     xD3+jlY+Z9vxEYpzaYoxKdn0S1RMCZLrCiKgkYqgGMWP4h4DF90YuxSkM/OXiLAoGBAIGrsKivYsD3naJbOrGTUl3wPWxKLY0Q5HQPakOuZI2b\
     WDeB6FUcAVLwFk2gBhmdA9V9gLihyRtaPJ1xEeK/Mc18XYfClgpCHI9GHsuSg9qmBOGNwFr704hBmTNO48j1G9a/HLMHo2EdqcBPxMP4kpG44T\
     mDImn5RiKhs5IvkWStAoGBAKFxd9s7LoOur27ck9DyIiUO04QFf/Yw/Kk7M9+bD5jprNVJQO4CltKJ2Pg6AXTRd2IAFlZYjkt2G68LdKFtkXHX\
     ylW2+SIUKEb8+7M58egaK/yX/N4Q4qreNkr89OYFu1bPNrsSMepv3gx2jwcq5gfP4ZYcxjZSXa9dygE60LaG";
const RSA_SPKI: &str = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAwQnUIQ9zZq0TjLbr56LZZ7RxGNTbOc2+vdlSdDLseWgmW+B8/slZHxyU4tfLKOiar7\
     943CYgty4nYV4egeS9gtAh+D0iFlbMu3TSh6xSD/qZ47OvSxyKxgx7x0MqVNbyAXnXNAt4OXZ09JKG/dJ/+/SA+lSad0XWAFGvi1CjajGWc7Ml\
     60Kh/n4lARv5Rvk9oZOgyUif9nCxIkNPiIF7VdbK6ZiFB8Foq73A2YhBpC481JpSnvMOo2olmItDen1h3I/D4byjpuVd4z+pXFMbNVlfpo6PrB\
     PJk0OljEcXWj5ESZ/r8MFmtECYNaWmGgv4+nyOGupjt7yrASgiCCMRVQIDAQAB";

fn script(body: &str) -> String {
    format!("{TOOLS}{body}")
}

/// The script's result, a list of texts.
fn texts(body: &str) -> Vec<String> {
    serde_json::from_str(&result(&script(body))).expect("a list of texts")
}

#[test]
fn digests_are_those_of_fips_180() {
    let source = r#"
        const names = ["SHA-1", "sha-256", { name: "Sha-384" }, "SHA-512"];
        return Promise.all(names.map(async (name) => hex(await subtle.digest(name, utf8("abc")))))
    "#;
    assert_eq!(
        texts(source),
        [
            "a9993e364706816aba3e25717850c26c9cd0d89d",
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
             2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        ]
    );
}

#[test]
fn hmac_is_that_of_rfc_4231_and_a_wrong_one_is_not_verified() {
    let source = r#"
        const data = utf8("what do ya want for nothing?");
        const seen = [];
        for (const hash of ["SHA-1", "SHA-256", "SHA-384", "SHA-512"]) {
            const key = await raw({ name: "hmac", hash }, utf8("Jefe"), "sign", "verify");
            const mac = await subtle.sign("HMAC", key, data);
            const wrong = new Uint8Array(mac.slice(0));
            wrong[3] ^= 1;
            const verified = await Promise.all([mac, wrong, mac.slice(1)].map((mac) => subtle.verify("HMAC", key, mac, data)));
            seen.push(hex(mac) + " " + verified);
        }
        return seen
    "#;
    assert_eq!(
        texts(source),
        [
            "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79 true,false,false",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843 true,false,false",
            "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e\
             8e2240ca5e69e2c78b3239ecfab21649 true,false,false",
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554\
             9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737 true,false,false",
        ]
    );
}

/// The test cases 4, 5, 6 and 16 of the GCM specification: vectors of 96, 64 and 480 bits, keys of 128 and 256.
#[test]
fn aes_gcm_takes_vectors_of_any_length() {
    let source = r#"
        const data = un("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39");
        const additionalData = un("feedfacedeadbeeffeedfacedeadbeefabaddad2");
        const half = "feffe9928665731c6d6a8f9467308308";
        const cases = [
            [half, "cafebabefacedbaddecaf888"], [half, "cafebabefacedbad"],
            [half, "9313225df88406e555909c5aff5269aa6a7a9538534f7da1e4c303d2a318a728c3c0c95156809539fcf0e2429a6b525416aedbf5a0de6a57a637b39b"],
            [half + half, "cafebabefacedbaddecaf888"],
        ];
        return Promise.all(cases.map(async ([secret, vector]) => {
            const key = await raw("AES-GCM", un(secret), "encrypt", "decrypt");
            const algorithm = { name: "AES-GCM", iv: un(vector), additionalData };
            const sealed = await subtle.encrypt(algorithm, key, data);
            if (hex(await subtle.decrypt(algorithm, key, sealed)) !== hex(data)) return "another text";
            return hex(sealed).slice(0, 32) + " " + hex(sealed).slice(-32);
        }))
    "#;
    assert_eq!(
        texts(source),
        [
            "42831ec2217774244b7221b784d0d49c 5bc94fbc3221a5db94fae95ae7121a47",
            "61353b4c2806934a777ff51fa22a4755 3612d2e79e3b0785561be14aaca2fccb",
            "8ce24998625615b603a033aca13fb894 619cc5aefffe0bfa462af43c1699d050",
            "522dc1f099567d07f47f37a32a84427d 76fc6ece0f4e1768cddf8853bb2d551b",
        ]
    );
}

#[test]
fn aes_gcm_opens_nothing_that_was_changed() {
    let source = r#"
        const key = await raw("AES-GCM", new Uint8Array(16), "encrypt", "decrypt");
        const seen = [];
        for (const tagLength of [32, 64, 96, 104, 112, 120, 128]) {
            const algorithm = { name: "AES-GCM", iv: new Uint8Array(12), additionalData: utf8("head"), tagLength };
            const sealed = new Uint8Array(await subtle.encrypt(algorithm, key, utf8("text")));
            const bad = [
                [algorithm, sealed.with(0, sealed[0] ^ 1)], [algorithm, sealed.with(-1, sealed.at(-1) ^ 0x80)], [algorithm, sealed.slice(1)],
                [{ ...algorithm, additionalData: utf8("Head") }, sealed], [{ ...algorithm, iv: new Uint8Array(13) }, sealed],
                [{ ...algorithm, tagLength: tagLength === 128 ? 120 : 128 }, sealed],
            ];
            const all = await Promise.all([[algorithm, sealed], ...bad].map(([algorithm, data]) => told(subtle.decrypt(algorithm, key, data))));
            seen.push(sealed.length * 8 - 32 + ":" + [...new Set(all.slice(1))] + ":" + all[0]);
        }
        for (const more of [{ tagLength: 100 }, { iv: new Uint8Array(0) }])
            seen.push(await told(subtle.encrypt({ name: "AES-GCM", iv: new Uint8Array(12), ...more }, key, utf8("text"))));
        return seen
    "#;
    let mut expected: Vec<String> =
        [32, 64, 96, 104, 112, 120, 128].iter().map(|bits| format!("{bits}:OperationError:done")).collect();
    expected.extend(["OperationError".to_owned(), "OperationError".to_owned()]);
    assert_eq!(texts(source), expected);
}

/// NIST SP 800-38A, F.2.1 and F.5.1; the last one counts within 4 bits and starts again from zero.
#[test]
fn aes_cbc_and_ctr_are_those_of_sp_800_38a() {
    let source = r#"
        const data = un("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710");
        const cases = [
            { name: "AES-CBC", iv: un("000102030405060708090a0b0c0d0e0f") },
            { name: "AES-CTR", counter: un("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"), length: 64 },
            { name: "AES-CTR", counter: un("000102030405060708090a0b0c0d0e5e"), length: 4 },
        ];
        return Promise.all(cases.map(async (algorithm) => {
            const key = await raw(algorithm.name, un("2b7e151628aed2a6abf7158809cf4f3c"), "encrypt", "decrypt");
            const sealed = await subtle.encrypt(algorithm, key, data);
            if (hex(await subtle.decrypt(algorithm, key, sealed)) !== hex(data)) return "another text";
            return hex(sealed).match(/.{32}/g).join(" ");
        }))
    "#;
    assert_eq!(
        texts(source),
        [
            "7649abac8119b246cee98e9b12e9197d 5086cb9b507219ee95db113a917678b2 73bed6b8e3c1743b7116e69e22229516 \
             3ff1caa1681fac09120eca307586e1a7 8cb82807230e1321d3fae00d18cc2012",
            "874d6191b620e3261bef6864990db6ce 9806f66b7970fdff8617187bb9fffdff 5ae4df3edbd5d35e5b4f09020db03eab \
             1e031dda2fbe03d1792170a0f3009cee",
            "a2020056cc7b5c39de8b3a364529058e a23aa0641dbca14f8d7276b082a33318 4917e34fd6fd517b592d4d562f13329e \
             ef09c654b3f2474ddbe181c9dfa44830",
        ]
    );
}

#[test]
fn aes_refuses_what_its_modes_cannot_do() {
    let source = r#"
        const key = (name) => raw(name, new Uint8Array(16), "encrypt", "decrypt");
        const [cbc, ctr] = [await key("AES-CBC"), await key("AES-CTR")];
        const iv = new Uint8Array(16);
        const counter = { name: "AES-CTR", counter: iv, length: 1 };
        return Promise.all([
            subtle.decrypt({ name: "AES-CBC", iv }, cbc, new Uint8Array(16)), // no padding in it
            subtle.decrypt({ name: "AES-CBC", iv }, cbc, new Uint8Array(15)),
            subtle.decrypt({ name: "AES-CBC", iv }, cbc, new Uint8Array(0)),
            subtle.encrypt({ name: "AES-CBC", iv: new Uint8Array(12) }, cbc, iv),
            subtle.encrypt(counter, ctr, new Uint8Array(32)),
            subtle.encrypt(counter, ctr, new Uint8Array(33)), // a third block under one of two counters
            subtle.encrypt({ ...counter, length: 0 }, ctr, iv),
            subtle.encrypt({ ...counter, length: 129 }, ctr, iv),
            subtle.encrypt({ ...counter, length: 256 }, ctr, iv),
            subtle.encrypt({ ...counter, counter: new Uint8Array(15) }, ctr, iv),
        ].map(told))
    "#;
    let no = "OperationError";
    assert_eq!(texts(source), [no, no, no, no, "done", no, no, no, "TypeError", no]);
}

/// RFC 3394, 4.1 and 4.6.
#[test]
fn aes_kw_wraps_keys_and_finds_what_was_changed() {
    let source = r#"
        const seen = [];
        for (const [length, data] of [[16, "00112233445566778899aabbccddeeff"], [32, "00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f"]]) {
            const wrapper = await raw("AES-KW", Uint8Array.from({ length }, (_, at) => at), "wrapKey", "unwrapKey");
            const wrapped = await subtle.wrapKey("raw", await raw("AES-GCM", un(data), "encrypt"), wrapper, "AES-KW");
            const unwrap = (bytes) => subtle.unwrapKey("raw", bytes, wrapper, "AES-KW", "AES-GCM", true, ["encrypt"]);
            const changed = new Uint8Array(wrapped).with(9, 0);
            seen.push(hex(wrapped), hex(await subtle.exportKey("raw", await unwrap(wrapped))), await told(unwrap(changed)));
        }
        return seen
    "#;
    assert_eq!(
        texts(source),
        [
            "1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5",
            "00112233445566778899aabbccddeeff",
            "OperationError",
            "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21",
            "00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f",
            "OperationError",
        ]
    );
}

/// RFC 5869, A.1 and A.3; RFC 6070; RFC 7914, 11.
#[test]
fn hkdf_and_pbkdf2_derive_what_their_standards_say() {
    let source = r#"
        const bits = async (algorithm, secret, length) =>
            hex(await subtle.deriveBits(algorithm, await subtle.importKey("raw", secret, algorithm.name, false, ["deriveBits"]), length));
        const ikm = new Uint8Array(22).fill(11);
        const none = new Uint8Array(0);
        return [
            await bits({ name: "HKDF", hash: "SHA-256", salt: un("000102030405060708090a0b0c"), info: un("f0f1f2f3f4f5f6f7f8f9") }, ikm, 336),
            await bits({ name: "HKDF", hash: "SHA-256", salt: none, info: none }, ikm, 336),
            await bits({ name: "PBKDF2", hash: "SHA-1", salt: utf8("salt"), iterations: 4096 }, utf8("password"), 160),
            await bits({ name: "PBKDF2", hash: "SHA-256", salt: utf8("salt"), iterations: 1 }, utf8("passwd"), 512),
            await told(bits({ name: "HKDF", hash: "SHA-256", salt: none, info: none }, ikm, 255 * 256 + 8)),
            await told(bits({ name: "HKDF", hash: "SHA-256", salt: none, info: none }, ikm, 12)),
            await told(bits({ name: "PBKDF2", hash: "SHA-256", salt: none, iterations: 0 }, ikm, 256)),
        ]
    "#;
    assert_eq!(
        texts(source),
        [
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
            "4b007901b765489abead49d926f721d065a429c1",
            "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc\
             49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783",
            "OperationError",
            "OperationError",
            "OperationError",
        ]
    );
}

#[test]
fn a_key_is_derived_from_a_password_and_used() {
    let source = r#"
        const password = await subtle.importKey("raw", utf8("correct horse"), "PBKDF2", false, ["deriveKey"]);
        const algorithm = { name: "PBKDF2", hash: "SHA-256", salt: utf8("salt"), iterations: 10 };
        const key = await subtle.deriveKey(algorithm, password, { name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
        const seal = { name: "AES-GCM", iv: crypto.getRandomValues(new Uint8Array(12)) };
        const text = new TextDecoder().decode(await subtle.decrypt(seal, key, await subtle.encrypt(seal, key, utf8("attack at dawn"))));
        return [text, key.algorithm.length + " " + key.extractable + " " + key.usages]
    "#;
    assert_eq!(texts(source), ["attack at dawn", "256 false encrypt,decrypt"]);
}

/// RFC 6979, A.2.5 to A.2.7, for the text "sample": nonces are derived, so a signature is always the same.
#[test]
fn ecdsa_signs_as_rfc_6979_says() {
    let source = r#"
        const keys = [
            ["P-256", "SHA-256", "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721",
             "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb67903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"],
            ["P-384", "SHA-384", "6b9d3dad2e1b8c1c05b19875b6659f4de23c3b667bf297ba9aa47740787137d896d5724e4c70a825f872c9ea60d2edf5",
             "ec3a4e415b4e19a4568618029f427fa5da9a8bc4ae92e02e06aae5286b300c64def8f0ea9055866064a254515480bc138015d9b72d7d57244ea8ef9ac0c621896708a59367f9dfb9f54ca84b3f1c9db1288b231c3ae0d4fe7344fd2533264720"],
            ["P-521", "SHA-1", "00fad06daa62ba3b25d2fb40133da757205de67f5bb0018fee8c86e1b68c7e75caa896eb32f1f47c70855836a6d16fcc1466f6d8fbec67db89ec0c08b0e996b83538",
             "01894550d0785932e00eaa23b694f213f8c3121f86dc97a04e5a7167db4e5bcd371123d46e45db6b5d5370a7f20fb633155d38ffa16d2bd761dcac474b9a2f5023a400493101c962cd4d2fddf782285e64584139c2f91b47f87ff82354d6630f746a28a0db25741b5b34a828008b22acc23f924faafbd4d33f81ea66956dfeaa2bfdfcf5"],
        ];
        const url = (text) => un(text).toBase64({ alphabet: "base64url", omitPadding: true });
        const seen = [];
        for (const [namedCurve, hash, d, point] of keys) {
            const [x, y] = [point.slice(0, d.length), point.slice(d.length)];
            const jwk = { kty: "EC", crv: namedCurve, x: url(x), y: url(y) };
            const name = { name: "ECDSA", namedCurve };
            const signer = await subtle.importKey("jwk", { ...jwk, d: url(d) }, name, false, ["sign"]);
            const verifier = await subtle.importKey("jwk", jwk, name, true, ["verify"]);
            const signature = new Uint8Array(await subtle.sign({ name: "ECDSA", hash }, signer, utf8("sample")));
            const verify = (signature, text) => subtle.verify({ name: "ECDSA", hash }, verifier, signature, utf8(text));
            const zero = new Uint8Array(signature.length);
            seen.push(hex(signature), String(await Promise.all([
                verify(signature, "sample"), verify(signature, "Sample"), verify(signature.with(5, signature[5] ^ 1), "sample"),
                verify(zero, "sample"), verify(signature.slice(1), "sample"),
            ])));
        }
        return seen
    "#;
    let verified = "true,false,false,false,false";
    assert_eq!(
        texts(source),
        [
            "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716\
             f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
            verified,
            "94edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c81a648152e44acf96e36dd1e80fabe46\
             99ef4aeb15f178cea1fe40db2603138f130e740a19624526203b6351d0a3a94fa329c145786e679e7b82c71a38628ac8",
            verified,
            "00343b6ec45728975ea5cba6659bbb6062a5ff89eea58be3c80b619f322c87910fe092f7d45bb0f8eee01ed3f20babec079d\
             202ae677b243ab40b5431d497c55d75d00e7b0e675a9b24413d448b8cc119d2bf7b2d2df032741c096634d6d65d0dbe3d569\
             4625fb9e8104d3b842c1b0e2d0b98bea19341e8676aef66ae4eba3d5475d5d16",
            verified,
        ]
    );
}

/// RFC 5903, 8.1 to 8.3; RFC 7748, 6.1.
#[test]
fn two_keys_agree_on_the_secret_of_the_standards() {
    let source = r#"
        const pairs = [
            ["P-256", "308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1433a14403420004dad0b65394221cf9b051e1feca5787d098dfe637fc90b9ef945d0c37725811805271a0461cdb8252d61f1c456fa3e59ab1f45b33accf5f58389e0577b8990bb3",
             "04d12dfb5289c8d4f81208b70270398c342296970a0bccb74c736fc7554494bf6356fbf3ca366cc23e8157854c13c58d6aac23f046ada30f8353e74f33039872ab"],
            ["P-384", "3081b6020100301006072a8648ce3d020106052b8104002204819e30819b0201010430099f3c7034d4a2c699884d73a375a67f7624ef7c6b3c0f160647b67414dce655e35b538041e649ee3faef896783ab194a16403620004667842d7d180ac2cde6f74f37551f55755c7645c20ef73e31634fe72b4c55ee6de3ac808acb4bdb4c88732aee95f41aa9482ed1fc0eeb9cafc4984625ccfc23f65032149e0e144ada024181535a0f38eeb9fcff3c2c947dae69b4c634573a81c",
             "04e558dbef53eecde3d3fccfc1aea08a89a987475d12fd950d83cfa41732bc509d0d1ac43a0336def96fda41d0774a3571dcfbec7aacf3196472169e838430367f66eebe3c6e70c416dd5f0c68759dd1fff83fa40142209dff5eaad96db9e6386c"],
            ["P-521", "3081ee020100301006072a8648ce3d020106052b810400230481d63081d302010104420037ade9319a89f4dabdb3ef411aaccca5123c61acab57b5393dce47608172a095aa85a30fe1c2952c6771d937ba9777f5957b2639bab072462f68c27a57382d4a52a1818903818600040015417e84dbf28c0ad3c278713349dc7df153c897a1891bd98bab4357c9ecbee1e3bf42e00b8e380aeae57c2d107564941885942af5a7f4601723c4195d176ced3e017cae20b6641d2eeb695786d8c946146239d099e18e1d5a514c739d7cb4a10ad8a788015ac405d7799dc75e7b7d5b6cf2261a6a7f1507438bf01beb6ca3926f9582",
             "0400d0b3975ac4b799f5bea16d5e13e9af971d5e9b984c9f39728b5e5739735a219b97c356436adc6e95bb0352f6be64a6c2912d4ef2d0433ced2b6171640012d9460f015c68226383956e3bd066e797b623c27ce0eac2f551a10c2c724d9852077b87220b6536c5c408a1d2aebb8e86d678ae49cb57091f4732296579ab44fcd17f0fc56a"],
            [undefined, "302e020100300506032b656e042204205dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
             "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"],
        ];
        const seen = [];
        for (const [namedCurve, pkcs8, point] of pairs) {
            const algorithm = namedCurve === undefined ? { name: "X25519" } : { name: "ECDH", namedCurve };
            const own = await subtle.importKey("pkcs8", un(pkcs8), algorithm, true, ["deriveBits"]);
            const other = await raw(algorithm, un(point));
            const bits = (length) => subtle.deriveBits({ name: algorithm.name, public: other }, own, length);
            const whole = hex(await bits(null));
            if (hex(await bits(13)) !== hex([un(whole)[0], un(whole)[1] & 0xf8])) seen.push("13 bits are others");
            if (hex(await subtle.exportKey("pkcs8", own)) !== pkcs8) seen.push("PKCS#8 became another");
            if (hex(await subtle.exportKey("raw", other)) !== point) seen.push("the point became another");
            seen.push(whole, await told(bits(whole.length * 4 + 8)));
        }
        return seen
    "#;
    let no = "OperationError";
    assert_eq!(
        texts(source),
        [
            "d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de",
            no,
            "11187331c279962d93d604243fd592cb9d0a926f422e47187521287e7156c5c4d603135569b9e9d09cf5d4a270f59746",
            no,
            "01144c7d79ae6956bc8edb8e7c787c4521cb086fa64407f97894e5e6b2d79b04d142\
             7e73ca4baa240a34786859810c06b3c715a3a8cc3151f2bee417996d19f3ddea",
            no,
            "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742",
            no,
        ]
    );
}

#[test]
fn points_that_would_give_a_secret_away_are_refused() {
    let source = r#"
        const p256 = { name: "ECDH", namedCurve: "P-256" };
        const point = "04d12dfb5289c8d4f81208b70270398c342296970a0bccb74c736fc7554494bf6356fbf3ca366cc23e8157854c13c58d6aac23f046ada30f8353e74f33039872ab";
        const own = await subtle.generateKey("X25519", false, ["deriveBits"]);
        const small = await raw("X25519", new Uint8Array(32));
        return [
            await told(raw(p256, un(point.slice(0, -1) + "a"))), // beside the curve
            await told(raw(p256, un("00"))), // infinity
            await told(raw(p256, un("05" + point.slice(2, 66)))),
            await told(raw(p256, un(point.slice(0, -2)))),
            await told(raw(p256, un("03" + point.slice(2, 66)))), // compressed
            await told(subtle.deriveBits({ name: "X25519", public: small }, own.privateKey, 256)),
        ]
    "#;
    let bad = "DataError";
    assert_eq!(texts(source), [bad, bad, bad, bad, "done", "OperationError"]);
}

/// RFC 8032, 7.1, test 2; and keys and signatures of small order, which fit any message.
#[test]
fn ed25519_signs_as_rfc_8032_says_and_is_strict() {
    let source = r#"
        const seed = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb";
        const own = await subtle.importKey("pkcs8", un("302e020100300506032b657004220420" + seed), "Ed25519", true, ["sign"]);
        const { x } = await subtle.exportKey("jwk", own);
        const key = await subtle.importKey("jwk", { kty: "OKP", crv: "Ed25519", x }, "Ed25519", true, ["verify"]);
        const signature = new Uint8Array(await subtle.sign("Ed25519", own, un("72")));
        const weak = await raw("Ed25519", un("01" + "00".repeat(31)), "verify");
        const verify = (key, signature, data) => subtle.verify("Ed25519", key, signature, un(data));
        return [
            hex(signature), hex(await subtle.exportKey("raw", key)),
            String(await Promise.all([
                verify(key, signature, "72"), verify(key, signature, "73"), verify(key, signature.with(40, 0), "72"),
                verify(key, signature.slice(0, 63), "72"), verify(weak, un("01" + "00".repeat(63)), "72"),
            ])),
        ]
    "#;
    assert_eq!(
        texts(source),
        [
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
             085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "true,false,false,false,false",
        ]
    );
}

#[test]
fn rsa_signs_and_verifies_as_openssl_does() {
    let source = format!(
        r#"
        const [pkcs8, spki] = [un64("{RSA_PKCS8}"), un64("{RSA_SPKI}")];
        const cases = [
            ["RSASSA-PKCS1-v1_5", "SHA-256", {{}}, "{RS256}"],
            ["RSA-PSS", "SHA-256", {{ saltLength: 32 }}, "{PS256}"],
            ["RSA-PSS", "SHA-512", {{ saltLength: 0 }}, "{PS512}"],
        ];
        const seen = [];
        for (const [name, hash, more, theirs] of cases) {{
            const algorithm = {{ name, ...more }};
            const own = await subtle.importKey("pkcs8", pkcs8, {{ name, hash }}, true, ["sign"]);
            const key = await subtle.importKey("spki", spki, {{ name, hash }}, true, ["verify"]);
            const verify = (signature, text, more) => subtle.verify({{ ...algorithm, ...more }}, key, signature, utf8(text));
            const ours = new Uint8Array(await subtle.sign(algorithm, own, utf8("sample")));
            seen.push(String(await Promise.all([
                verify(un64(theirs), "sample"), verify(ours, "sample"), verify(ours, "Sample"), verify(ours.with(7, ours[7] ^ 1), "sample"),
                verify(ours.slice(1), "sample"), verify(ours, "sample", {{ saltLength: 33 }}),
            ])));
            if (more.saltLength !== 32) seen.push(ours.toBase64() === theirs ? "same" : "another");
        }}
        return seen
    "#
    );
    let verified = "true,true,false,false,false,";
    let expected = [
        format!("{verified}true"),
        "same".to_owned(),
        format!("{verified}false"),
        format!("{verified}false"),
        "same".to_owned(),
    ];
    assert_eq!(texts(&source), expected);
}

#[test]
fn rsa_oaep_opens_what_openssl_encrypted() {
    let source = format!(
        r#"
        const algorithm = {{ name: "RSA-OAEP", hash: "SHA-256" }};
        const own = await subtle.importKey("pkcs8", un64("{RSA_PKCS8}"), algorithm, false, ["decrypt", "unwrapKey"]);
        const key = await subtle.importKey("spki", un64("{RSA_SPKI}"), algorithm, false, ["encrypt", "wrapKey"]);
        const label = utf8("label");
        const open = async (data, label) => new TextDecoder().decode(await subtle.decrypt({{ name: "RSA-OAEP", label }}, own, data));
        const aes = await subtle.generateKey({{ name: "AES-GCM", length: 128 }}, true, ["encrypt"]);
        const wrapped = await subtle.wrapKey("jwk", aes, key, "RSA-OAEP");
        const unwrapped = await subtle.unwrapKey("jwk", wrapped, own, "RSA-OAEP", "AES-GCM", true, ["encrypt"]);
        const same = hex(await subtle.exportKey("raw", aes)) === hex(await subtle.exportKey("raw", unwrapped));
        return [
            await open(un64("{OAEP}"), label), await told(open(un64("{OAEP}"))),
            await open(await subtle.encrypt("RSA-OAEP", key, utf8("ours"))),
            await told(subtle.encrypt("RSA-OAEP", key, new Uint8Array(256 - 66))), await told(subtle.encrypt("RSA-OAEP", key, new Uint8Array(256 - 65))),
            String(same),
        ]
    "#
    );
    assert_eq!(texts(&source), ["secret", "OperationError", "ours", "done", "OperationError", "true"]);
}

#[test]
fn rsa_keys_are_generated_within_the_default_limits() {
    let source = r#"
        const algorithm = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256", modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) };
        const { privateKey, publicKey } = await subtle.generateKey(algorithm, false, ["sign", "verify"]);
        const signature = await subtle.sign(algorithm.name, privateKey, utf8("text"));
        const { n } = await subtle.exportKey("jwk", publicKey);
        return [n.length + " " + publicKey.algorithm.modulusLength + " " + privateKey.extractable, String(await subtle.verify(algorithm.name, publicKey, signature, utf8("text")))]
    "#;
    let limits = Limits { cpu_ms: 20_000, ..DEFAULTS };
    let outcome = run_with(&script(source), "null", &limits, ORIGIN);
    assert_eq!(json(outcome), r#"["342 2048 false","true"]"#);
}

#[test]
fn every_format_leads_back_to_the_same_key() {
    let source = format!(
        r#"
        const [pkcs8, spki] = [un64("{RSA_PKCS8}"), un64("{RSA_SPKI}")];
        const rsa = {{ name: "RSA-PSS", hash: "SHA-384" }};
        const made = [[rsa, await subtle.importKey("pkcs8", pkcs8, rsa, true, ["sign"]), await subtle.importKey("spki", spki, rsa, true, ["verify"])]];
        for (const algorithm of [{{ name: "ECDSA", namedCurve: "P-384" }}, {{ name: "Ed25519" }}]) {{
            const {{ privateKey, publicKey }} = await subtle.generateKey(algorithm, true, ["sign", "verify"]);
            made.push([algorithm, privateKey, publicKey]);
        }}
        const seen = [];
        for (const [algorithm, privateKey, publicKey] of made) {{
            for (const [key, usage, formats] of [[privateKey, "sign", ["pkcs8", "jwk"]], [publicKey, "verify", ["spki", "jwk", "raw"]]]) {{
                for (const format of formats) {{
                    if (format === "raw" && algorithm === rsa) continue;
                    const text = (exported) => format === "jwk" ? JSON.stringify(exported) : hex(exported);
                    const exported = await subtle.exportKey(format, key);
                    const again = await subtle.importKey(format, exported, algorithm, true, [usage]);
                    seen.push(text(exported) === text(await subtle.exportKey(format, again)) ? "same" : format);
                }}
            }}
        }}
        const jwk = await subtle.exportKey("jwk", made[0][1]);
        seen.push(Object.keys(jwk).join() + " " + jwk.alg + " " + (hex(await subtle.exportKey("pkcs8", made[0][1])) === hex(pkcs8)));
        return seen
    "#
    );
    let mut expected = vec!["same"; 14];
    expected.push("kty,alg,n,e,d,p,q,dp,dq,qi,key_ops,ext PS384 true");
    assert_eq!(texts(&source), expected);
}

#[test]
fn keys_that_do_not_hold_together_are_refused() {
    let source = format!(
        r#"
        const rsa = {{ name: "RSA-PSS", hash: "SHA-256" }};
        const jwk = await subtle.exportKey("jwk", await subtle.importKey("pkcs8", un64("{RSA_PKCS8}"), rsa, true, ["sign"]));
        const ec = {{ name: "ECDSA", namedCurve: "P-256" }};
        const one = await subtle.exportKey("jwk", (await subtle.generateKey(ec, true, ["sign", "verify"])).privateKey);
        const two = await subtle.exportKey("jwk", (await subtle.generateKey(ec, true, ["sign", "verify"])).privateKey);
        const given = (algorithm, jwk, extractable = true) => told(subtle.importKey("jwk", jwk, algorithm, extractable, ["sign"]));
        const spki = un64("{RSA_SPKI}");
        return [
            await given(rsa, jwk), await given(rsa, {{ ...jwk, dp: jwk.dq }}), await given(rsa, {{ ...jwk, qi: jwk.p }}), await given(rsa, {{ ...jwk, q: jwk.p }}),
            await given(rsa, {{ ...jwk, d: jwk.n }}), await given(rsa, {{ ...jwk, e: "Ag" }}), await given(rsa, {{ ...jwk, qi: undefined }}),
            await given(rsa, {{ ...jwk, alg: "RS256" }}), await given(rsa, {{ ...jwk, kty: "EC" }}), await given(rsa, {{ ...jwk, n: jwk.n + "=" }}),
            await given(rsa, {{ ...jwk, oth: [] }}),
            await given(ec, one), await given(ec, {{ ...one, d: two.d }}), await given(ec, {{ ...one, crv: "P-384" }}), await given(ec, {{ ...one, ext: false }}),
            await given(ec, {{ ...one, ext: false }}, false), await given(ec, {{ ...one, key_ops: ["verify"] }}), await given(ec, {{ ...one, key_ops: ["sign", "sign"] }}),
            await given(ec, {{ ...one, use: "enc" }}), await given(ec, {{ ...one, alg: "ES384" }}),
            await told(subtle.importKey("spki", spki.slice(0, -1), rsa, true, ["verify"])), await told(subtle.importKey("spki", new Uint8Array([...spki, 0]), rsa, true, ["verify"])),
            await told(subtle.importKey("spki", spki, ec, true, ["verify"])),
        ]
    "#
    );
    let bad = "DataError";
    #[rustfmt::skip]
    let expected = [
        "done", bad, bad, bad, bad, bad, bad, bad, bad, bad, "NotSupportedError",
        "done", bad, bad, bad, "done", bad, bad, bad, bad, bad, bad, bad,
    ];
    assert_eq!(texts(&source), expected);
}

#[test]
fn errors_come_by_name_and_in_the_order_of_the_standard() {
    let source = r#"
        const gcm = { name: "AES-GCM", iv: new Uint8Array(12) };
        const key = await raw("AES-GCM", new Uint8Array(16), "encrypt");
        const hidden = await subtle.importKey("raw", new Uint8Array(16), "AES-GCM", false, ["encrypt"]);
        const pair = await subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, ["sign"]);
        const none = new Uint8Array(0);
        const cases = [
            ["NotSupportedError", () => subtle.digest("MD5", none)],
            ["NotSupportedError", () => subtle.digest("SHA-2\u017f6", none)],
            ["NotSupportedError", () => subtle.encrypt("HMAC", key, none)],
            ["NotSupportedError", () => subtle.sign({ name: "ECDSA", hash: "PBKDF2" }, pair.privateKey, none)],
            ["TypeError", () => subtle.digest({}, none)],
            ["TypeError", () => subtle.digest("SHA-256")],
            ["TypeError", () => subtle.digest("SHA-256", "text")],
            ["TypeError", () => subtle.encrypt("AES-GCM", key, none)],
            ["TypeError", () => subtle.encrypt({ ...gcm, iv: [1, 2] }, key, none)],
            ["TypeError", () => subtle.encrypt({ ...gcm, tagLength: 256 }, key, none)],
            ["TypeError", () => subtle.encrypt(gcm, { ...key }, none)],
            ["TypeError", () => subtle.importKey("der", none, "AES-GCM", true, ["encrypt"])],
            ["TypeError", () => subtle.importKey("raw", none, "AES-GCM", true, ["read"])],
            ["TypeError", () => subtle.importKey("jwk", none, "AES-GCM", true, ["encrypt"])],
            ["TypeError", () => subtle.digest.call({}, "SHA-256", none)],
            ["TypeError", () => new CryptoKey()],
            ["TypeError", () => new SubtleCrypto()],
            ["SyntaxError", () => subtle.importKey("raw", none, "AES-GCM", true, ["sign"])],
            ["SyntaxError", () => subtle.importKey("raw", new Uint8Array(16), "AES-GCM", true, [])],
            ["SyntaxError", () => subtle.importKey("raw", none, "HKDF", true, ["deriveBits"])],
            ["SyntaxError", () => subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["verify"])],
            ["NotSupportedError", () => subtle.generateKey({ name: "ECDSA", namedCurve: "P-224" }, true, ["sign"])],
            ["NotSupportedError", () => subtle.importKey("spki", none, "AES-GCM", true, ["encrypt"])],
            ["DataError", () => subtle.importKey("raw", new Uint8Array(15), "AES-GCM", true, [])],
            ["InvalidAccessError", () => subtle.decrypt(gcm, key, none)],
            ["InvalidAccessError", () => subtle.encrypt({ name: "AES-CBC", iv: none }, key, none)],
            ["InvalidAccessError", () => subtle.exportKey("raw", hidden)],
            ["InvalidAccessError", () => subtle.exportKey("jwk", pair.privateKey)],
            ["InvalidAccessError", () => subtle.exportKey("pkcs8", pair.publicKey)],
            ["NotSupportedError", () => subtle.importKey("raw", none, "HKDF", false, ["deriveBits"]).then((key) => subtle.exportKey("raw", key))],
            ["OperationError", () => subtle.generateKey({ name: "AES-GCM", length: 100 }, true, ["encrypt"])],
            ["OperationError", () => subtle.generateKey({ name: "RSA-PSS", hash: "SHA-256", modulusLength: 2048, publicExponent: new Uint8Array([4]) }, true, [])],
        ];
        const wrong = [];
        for (const [at, [name, call]] of cases.entries()) {
            const seen = await told((async () => call())());
            if (seen !== name) wrong.push(`${at}: ${seen}, not ${name}`);
        }
        return wrong
    "#;
    assert_eq!(texts(source), Vec::<String>::new());
}

#[test]
fn buffers_count_as_they_are_at_the_call() {
    let source = r#"
        const bytes = utf8("abc");
        const digest = subtle.digest("SHA-256", bytes);
        bytes.fill(0);
        const part = new DataView(utf8("xabcx").buffer, 1, 3);
        const moved = utf8("abc");
        moved.buffer.transfer();
        const late = utf8("xbc");
        const changing = subtle.digest({ get name() { late[0] = 97; return "SHA-256" } }, late);
        return [await digest, await subtle.digest("SHA-256", part), await subtle.digest("SHA-256", moved), await changing].map((all) => hex(all).slice(0, 8))
    "#;
    assert_eq!(texts(source), ["ba7816bf", "ba7816bf", "e3b0c442", "ba7816bf"]);
}

#[test]
fn a_key_shows_what_it_is_and_nothing_that_is_in_it() {
    let source = r#"
        const caught = [];
        const spy = (target, name) => {
            const own = target[name];
            target[name] = function (...all) { caught.push(name, this, ...all); return Reflect.apply(own, this, all) };
        };
        const { apply } = Reflect;
        const TypedArray = Object.getPrototypeOf(Uint8Array);
        for (const name of ["slice", "set", "subarray", "fill", "toBase64"]) if (name in Uint8Array.prototype) spy(Uint8Array.prototype, name);
        for (const name of ["slice", "set", "subarray"]) spy(TypedArray.prototype, name);
        for (const name of ["slice", "transfer"]) spy(ArrayBuffer.prototype, name);
        const Real = Uint8Array;
        globalThis.Uint8Array = class extends Real { constructor(...all) { super(...all); caught.push("made", this) } };
        const key = await subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "wrapKey"]);
        const password = await subtle.importKey("raw", utf8("password"), "PBKDF2", false, ["deriveKey"]);
        caught.length = 0;
        const algorithm = { name: "PBKDF2", hash: "SHA-256", salt: utf8("salt"), iterations: 2 };
        const derived = await subtle.deriveKey(algorithm, password, { name: "AES-GCM", length: 128 }, false, ["encrypt"]);
        globalThis.Uint8Array = Real;
        derived.usages.push("decrypt");
        derived.algorithm.name = "AES-CBC";
        const copy = structuredClone(derived);
        return [
            String(caught.length), Reflect.ownKeys(derived).join(), JSON.stringify(derived), String(derived.usages === derived.usages),
            await told(subtle.decrypt({ name: "AES-GCM", iv: new Uint8Array(12) }, derived, new Uint8Array(16))),
            await told(subtle.encrypt({ name: "AES-GCM", iv: new Uint8Array(12) }, derived, new Uint8Array(16))),
            copy.constructor.name + " " + copy.type + " " + copy.usages, await told(subtle.exportKey("raw", copy)),
        ]
    "#;
    #[rustfmt::skip]
    let expected = ["0", "", "{}", "true", "InvalidAccessError", "done", "CryptoKey secret encrypt", "InvalidAccessError"];
    assert_eq!(texts(source), expected);
}

#[test]
fn a_key_is_printed_without_its_content_and_is_no_result() {
    let shown = crate::harness::script::logs(&script(
        r#"console.log(await raw("AES-GCM", new Uint8Array(16).fill(0xab), "encrypt"))"#,
    ));
    assert_eq!(shown.len(), 1);
    assert!(shown[0].contains("CryptoKey") && shown[0].contains("AES-GCM") && !shown[0].contains("171"), "{shown:?}");
    let error = crate::harness::script::error(&script("return raw('AES-GCM', new Uint8Array(16), 'encrypt')"));
    assert_eq!(error.kind, ErrorKind::NotSerializable);
    assert!(error.message.contains("exportKey"), "{}", error.message);
}

#[test]
fn keys_and_salts_come_from_the_seed_of_the_run() {
    let source = script(
        r#"
        const ec = { name: "ECDSA", namedCurve: "P-256" };
        const { privateKey, publicKey } = await subtle.generateKey(ec, true, ["sign", "verify"]);
        const aes = await subtle.generateKey({ name: "AES-KW", length: 256 }, true, ["wrapKey"]);
        const signature = await subtle.sign({ name: "ECDSA", hash: "SHA-256" }, privateKey, utf8("text"));
        return [await subtle.exportKey("raw", publicKey), await subtle.exportKey("raw", aes), signature].map(hex).join(" ")
    "#,
    );
    let with_seed = |seed| json(run_with(&source, "null", &DEFAULTS, Origin { seed: [seed; 32], ..ORIGIN }));
    assert_eq!(with_seed(1), with_seed(1));
    assert_ne!(with_seed(1), with_seed(2));
}

#[test]
fn keys_are_part_of_an_image() {
    let source = script(&format!(
        r#"
        const rsa = await subtle.importKey("pkcs8", un64("{RSA_PKCS8}"), {{ name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" }}, false, ["sign"]);
        const mac = await subtle.generateKey({{ name: "HMAC", hash: "SHA-256" }}, false, ["sign"]);
        const {{ n }} = await tools.step({{ n: 7 }});
        const data = utf8("number " + n);
        return [await subtle.sign("RSASSA-PKCS1-v1_5", rsa, data), await subtle.sign("HMAC", mac, data)].map(hex)
    "#
    ));
    futures::executor::block_on(async {
        let program = BENCH.programs.prepare("tests", &Script::single(source), DEFAULTS.source_bytes).await.unwrap();
        let started = Isolate::start(&BENCH.engine, &program, "null", &DEFAULTS, ORIGIN, None).await;
        let (mut isolate, step) = started.unwrap();
        let Step::Waiting(turn) = step else { panic!("it does not wait") };
        let stored = serde_json::to_vec(&isolate.image(&BENCH.engine).unwrap()).unwrap();
        let step = isolate.deliver(turn.asks[0].number, &answer(&turn.asks[0]), 1.0).await;
        let whole = json(drive(&mut isolate, step).await);

        let image: Image = serde_json::from_slice(&stored).unwrap();
        let mut again = Isolate::from_image(&BENCH.engine, &program, &image).unwrap();
        let step = again.deliver(turn.asks[0].number, &answer(&turn.asks[0]), 1.0).await;
        assert_eq!(json(drive(&mut again, step).await), whole);
        assert!(whole.len() > 512 + 64, "{whole}");
    });
}

#[test]
fn ten_million_iterations_end_at_the_cpu_limit() {
    let source = script(
        r#"
        const key = await subtle.importKey("raw", utf8("password"), "PBKDF2", false, ["deriveBits"]);
        return hex(await subtle.deriveBits({ name: "PBKDF2", hash: "SHA-512", salt: utf8("salt"), iterations: 1e7 }, key, 512))
    "#,
    );
    let limits = Limits { cpu_ms: 100, ..DEFAULTS };
    let outcome = run_with(&source, "null", &limits, ORIGIN);
    let cpu_us = outcome.usage.cpu_us;
    assert_eq!(failed(outcome).kind, ErrorKind::CpuLimit);
    assert!(cpu_us <= (100 + 2 * TICK_MS) * 1_000, "{cpu_us} us of CPU");
}

#[test]
fn what_it_needs_counts_as_the_memory_of_the_run() {
    for source in [
        "const key = await subtle.importKey('raw', utf8('x'), 'PBKDF2', false, ['deriveBits']);
         return subtle.deriveBits({ name: 'PBKDF2', hash: 'SHA-1', salt: utf8('x'), iterations: 1 }, key, 2 ** 32 - 8)",
        "return subtle.generateKey({ name: 'HMAC', hash: 'SHA-1', length: 2 ** 32 - 1 }, true, ['sign'])",
        "const keys = []; const data = new Uint8Array(1 << 20);
         for (;;) keys.push(await raw({ name: 'HMAC', hash: 'SHA-1' }, data, 'sign'))",
        "const key = await raw('AES-CTR', new Uint8Array(16), 'encrypt'); const all = [new Uint8Array(1 << 22)];
         for (;;) all.push(await subtle.encrypt({ name: 'AES-CTR', counter: new Uint8Array(16), length: 64 }, key, all.at(-1)))",
    ] {
        let limits = Limits { cpu_ms: 20_000, memory_mib: 32, ..DEFAULTS };
        let outcome = run_with(&script(source), "null", &limits, ORIGIN);
        let peak = outcome.usage.memory_peak_bytes;
        let error = failed(outcome);
        assert_eq!(error.kind, ErrorKind::MemoryLimit, "{source}: {error:?}");
        assert!(peak <= 32 << 20, "{source}: {peak}");
    }
}

const RS256: &str = "NpkhIHWjGb7mn7txGPQotLW1K1J9HSJ1I9RLjQvpV8WmVi5/E1dcXW+9DxXHTVlyt3KC35DOAczqVwZ8dJA89QImfaATRRiwwM2mERDuiEo/3v\
     iaAmZ1IhORjPK+sA8fqXNCccRKZtZ8TCXXuNO2JavvbtbKVMp4frgqIz2k2zssAsD9OgQRA+xHH1tH5rHEvEE1iRT+qJ8ZzqdrTeYpgtdbOPoq\
     LHYpSysFUox/la3NnlaTcBrZB33yd2EMvAJQ2B55i4Iv12P+CDlbtNFYXhzsruFo9bPOCTtcJt6Lf2ujiSWZ3F+PHaJOO0PCyRXTWpAUWAbIYm\
     OPZ3qYRxvbpg==";
const PS256: &str = "giCXE4XxxCFpkKcrka5sT2eM4g32LKLRm6sQ1S+dJ/NJ/AkKS690Lqc3Hs4VFVnIteEs2o9iZi1SxwAt+4W57itOajNPVSAUmOD5AtZSEuXtkS\
     c/WIRLli0cZsPd/k8rmiylfqxQG7vcH+OUxXEOoPa7E3Lp2txoYQAw60Djkh1nxhUnpNN+g9Mpzn3z+KZht6FAgSlDS4QAG9DwOYyCSH26scUC\
     c25kP5iXMIfZgwB03xA288ZqKejh41ufgRVtOQQKKIVduLaZlu0iv2YqdnBEkZAf3dFhqs+3nsvyWy8vVQ0bk57O3GG85wvWo19XFIB+B7mQAf\
     iA8Yd5xJr+Ow==";
const PS512: &str = "riVJ9YaSHkosvOxgb5EkfoAm9+pXIwrIJxcjwJecFEEz1Kuw3tn/ln93cxrUBteU8yduWbJCJ7aJuxOz9iqmfsE+Ap6RU59E1MIPVotbAiGtcS\
     LSankroef2slyR4J79rGbws+ky/JU610oIaEMdUYOacvoBgk5qZdFsWv5y5YXRp9ebr2XrbAkB2xIaa0sO+IUY1lYd0CMMsw1Efr8dVsFwoVfL\
     nh3y/3T0VJyfc4GLhK+SLs6/jLhOoZU930o4UC/bxYZ/eYSeLir75UT7o5Q8ofxC6+4e2tL1rtcQK0uvczh6Ogif5aCoWJSEa1nL+xqRXQqzQj\
     yY4DIP2kfrDQ==";
const OAEP: &str = "JO5P/lDKH5aZMKCSqgsc/E+Blsk8zgqK5clnXCMmJqbRa0wyyOXCF8BBR3yhULahPy4kvec5GqCe3FVBHrZjXy3axEIyvFyK3Sx99+ol3ZOb0F\
     n22hajb39uh1BPJ7qPELRoA0aJSHlFefJrsPQWvcDl51dPDvjGPGGGckxEHwFN7AYMoJP1OEC9pcbd7b1f6tucCkgUjdy+OkSSlfMyTuxrWJSM\
     E2vZz8vfk3a7TgVAthIvqqq2QllAKBFgphLsrzhteZ0wUkA+X9ZTpnVU7naoaHxD4mgXIhTN8VMq40PpUaAXUFhTH9aVtrkOzaH/pb4OdndfGe\
     uUt4UeZw6Ifg==";
