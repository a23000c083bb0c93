print("esgz")
